import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { request, requestAll } from './http';
import type { NewUser, Suspension, User } from './types';

export const users = queryOptions({
  queryKey: ['users'] as const,
  queryFn: ({ signal }) => requestAll<User>('/users', signal),
});

const userPath = (name: string) => `/users/${encodeURIComponent(name)}`;

export function useAddUser() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (user: NewUser) => request<User>('POST', '/users', { body: user }),
    onSuccess: () => client.invalidateQueries({ queryKey: users.queryKey }),
  });
}

export function useSuspendUser() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => request<Suspension>('POST', `${userPath(name)}/suspend`),
    onSettled: () => client.invalidateQueries({ queryKey: users.queryKey }),
  });
}

export function useReinstateUser() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => request<User>('POST', `${userPath(name)}/reinstate`),
    onSettled: () => client.invalidateQueries({ queryKey: users.queryKey }),
  });
}
