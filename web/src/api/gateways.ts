import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { request, requestAll } from './http';
import { listOf, type Noun, useRemove, useSave } from './noun';
import type { Gateway, GatewayStatus, JoinToken } from './types';

const noun: Noun = { path: '/gateways', key: 'gateways' };

export const gateways = listOf<Gateway>(noun);
export const useSaveGateway = () => useSave<Gateway>(noun);
export const useRemoveGateway = () => useRemove(noun);

// gatewayStatus is how the gateways are just now.
export const gatewayStatus = queryOptions({
  queryKey: ['gateways', 'status'] as const,
  queryFn: ({ signal }) => requestAll<GatewayStatus>('/gateways/status', signal),
  refetchInterval: 3_000,
});

export function useJoinToken() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => request<JoinToken>('POST', `/gateways/${encodeURIComponent(name)}/join-tokens`),
    onSuccess: () => client.invalidateQueries({ queryKey: gatewayStatus.queryKey }),
    gcTime: 0, // the answer holds the token's value
  });
}
