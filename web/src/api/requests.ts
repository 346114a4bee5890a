import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { request } from './http';
import type { AccessRequest } from './types';

const requestPath = (id: string) => `/requests/${encodeURIComponent(id)}`;

export const accessRequest = (id: string) =>
  queryOptions({
    queryKey: ['requests', id] as const,
    queryFn: ({ signal }) => request<AccessRequest>('GET', requestPath(id), { signal }),
  });

export interface Decision {
  verb: 'approve' | 'deny';
  comment?: string;
  // token is what the link of a notice brought; it gives no right.
  token?: string;
}

// useDecide approves or denies a request. Whatever came of it, the request is read again: another may have been faster.
export function useDecide(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ verb, comment, token }: Decision) =>
      request<AccessRequest>('POST', `${requestPath(id)}/${verb}`, { body: { comment, token } }),
    onSettled: () => client.invalidateQueries({ queryKey: accessRequest(id).queryKey }),
  });
}
