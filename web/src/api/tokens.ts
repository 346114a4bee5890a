import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { request, requestAll } from './http';
import type { NewToken, Token, TokenInput } from './types';

export const tokens = queryOptions({
  queryKey: ['tokens'] as const,
  queryFn: ({ signal }) => requestAll<Token>('/tokens', signal),
});

export function useIssueToken() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (token: TokenInput) => request<NewToken>('POST', '/tokens', { body: token }),
    onSuccess: () => client.invalidateQueries({ queryKey: tokens.queryKey }),
    gcTime: 0, // the answer holds the token's value
  });
}

export function useRevokeToken() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => request<void>('DELETE', `/tokens/${encodeURIComponent(id)}`),
    onSettled: () => client.invalidateQueries({ queryKey: tokens.queryKey }),
  });
}
