import { queryOptions, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { request } from './http';
import type { Me } from './types';

// me is who is signed in; it fails with status 401 when nobody is.
export const me = queryOptions({
  queryKey: ['me'] as const,
  queryFn: ({ signal }) => request<Me>('GET', '/me', { signal }),
  staleTime: 60_000,
  retry: false,
});

// useMayChange says whether to offer changes; whether they are allowed, the server alone decides.
export const useMayChange = (): boolean => useQuery(me).data?.admin ?? false;

// Rights are what of the control plane is of any use to a person.
export interface Rights {
  // change: they are an admin. read: they may read the record, and how everything is set up.
  change: boolean;
  read: boolean;
}

export const rightsOf = (person: Pick<Me, 'admin' | 'auditor'> | undefined): Rights => ({
  change: person?.admin ?? false,
  read: (person?.admin || person?.auditor) ?? false,
});

export const useRights = (): Rights => rightsOf(useQuery(me).data);

export function useSignIn() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (token: string) => request<unknown>('POST', '/sign-in', { body: { token } }),
    onSuccess: () => client.clear(),
  });
}

export function useSignOut() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => request<unknown>('POST', '/sign-out'),
    onSuccess: () => client.clear(),
  });
}
