import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { request, requestAll } from './http';
import type { Grant, NewGrant } from './types';

export const grants = queryOptions({
  queryKey: ['grants'] as const,
  queryFn: ({ signal }) => requestAll<Grant>('/grants', signal),
  refetchInterval: 15_000,
});

export const grantsOf = (user: string) =>
  queryOptions({
    queryKey: ['grants', 'of', user] as const,
    queryFn: ({ signal }) => requestAll<Grant>('/grants', signal, { user, active: 'true' }),
  });

export function useGiveGrant() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (grant: NewGrant) => request<Grant>('POST', '/grants', { body: grant }),
    onSuccess: () => client.invalidateQueries(),
  });
}

export function useRevokeGrant() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => request<void>('DELETE', `/grants/${encodeURIComponent(id)}`),
    onSettled: () => client.invalidateQueries(),
  });
}
