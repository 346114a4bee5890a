import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { request, requestAll } from './http';
import type { LiveSession } from './types';

// liveSessions are the connections that are open now.
export const liveSessions = queryOptions({
  queryKey: ['sessions'] as const,
  queryFn: ({ signal }) => requestAll<LiveSession>('/sessions', signal),
  refetchInterval: 2_000,
});

export function useKillSession() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => request<void>('DELETE', `/sessions/${encodeURIComponent(id)}`),
    onSettled: () => client.invalidateQueries({ queryKey: liveSessions.queryKey }),
  });
}
