import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { request, requestAll } from './http';
import { listOf, type Noun, oneOf, useRemove, useSave } from './noun';
import type { NewLink, NewUser, Openness, Revoked, Suspension, User } from './types';

const noun: Noun = { path: '/users', key: 'users' };

export const users = listOf<User>(noun);
export const user = (name: string) => oneOf<User>(noun, name);
export const useSaveUser = () => useSave<NewUser>(noun);
export const useRemoveUser = () => useRemove(noun);

const userPath = (name: string) => `/users/${encodeURIComponent(name)}`;

// effectiveAccess is what the user may open now, and what stands in the way of the rest.
export const effectiveAccess = (name: string) =>
  queryOptions({
    queryKey: ['users', name, 'access'] as const,
    queryFn: ({ signal }) => requestAll<Openness>(`${userPath(name)}/access`, signal),
  });

export function useSuspendUser() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => request<Suspension>('POST', `${userPath(name)}/suspend`),
    onSettled: () => void client.invalidateQueries(), // nobody waits for it: what came of it shows at once
  });
}

// useRevokeUser ends all that proves the user, who signs in anew.
export function useRevokeUser() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => request<Revoked>('POST', `${userPath(name)}/revoke`, { body: {} }),
    onSettled: () => void client.invalidateQueries(),
  });
}

export function useReinstateUser() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => request<User>('POST', `${userPath(name)}/reinstate`),
    onSettled: () => void client.invalidateQueries(),
  });
}

export const useSignInLink = () =>
  useMutation({
    mutationFn: (name: string) => request<NewLink>('POST', '/sign-in/links', { body: { user: name } }),
    gcTime: 0, // the answer holds the link's secret
  });
