import { queryOptions, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { request, requestAll } from './http';
import type { AccessRequest, Offer, RequestInput } from './types';

const requestPath = (id: string) => `/requests/${encodeURIComponent(id)}`;

// Others ask and decide meanwhile: what is shown is read again this often, in milliseconds.
const POLL = 4_000;

export const accessRequest = (id: string) =>
  queryOptions({
    queryKey: ['requests', id] as const,
    queryFn: ({ signal }) => request<AccessRequest>('GET', requestPath(id), { signal }),
    refetchInterval: POLL,
  });

export type Scope = 'mine' | 'to_decide' | 'all';

export const accessRequests = (scope: Scope) =>
  queryOptions({
    queryKey: ['requests', 'list', scope] as const,
    queryFn: ({ signal }) => requestAll<AccessRequest>('/requests', signal, { scope }),
    refetchInterval: POLL,
  });

// useToDecide counts the requests that wait for the person's word.
export function useToDecide(): number {
  return useQuery(accessRequests('to_decide')).data?.items.length ?? 0;
}

// offers are the roles that the person may ask for.
export const offers = queryOptions({
  queryKey: ['offers'] as const,
  queryFn: ({ signal }) => requestAll<Offer>('/requests/offers', signal),
});

export function useAsk() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (wish: RequestInput) => request<AccessRequest>('POST', '/requests', { body: wish }),
    onSuccess: () => client.invalidateQueries({ queryKey: ['requests'] }),
  });
}

export function useWithdraw() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => request<AccessRequest>('POST', `${requestPath(id)}/withdraw`),
    onSettled: () => client.invalidateQueries({ queryKey: ['requests'] }),
  });
}

export interface Decision {
  verb: 'approve' | 'deny';
  comment?: string;
  // token is what the link of a notice brought; it gives no right.
  token?: string;
}

// useDecide approves or denies a request. Whatever came of it, requests are read again: another may have been faster.
export function useDecide(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ verb, comment, token }: Decision) =>
      request<AccessRequest>('POST', `${requestPath(id)}/${verb}`, { body: { comment, token } }),
    onSettled: () => client.invalidateQueries({ queryKey: ['requests'] }),
  });
}
