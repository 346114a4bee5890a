import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { apiPath, request } from './http';
import type { AuditEvent, EventPage } from './types';
import { instant } from '../query/range';

export interface AuditSearch {
  q: string;
  // from and to are as in the page's URL: a time (RFC 3339) or, for from, a distance to now such as -1h.
  from: string;
  to: string;
}

const PAGE_ROWS = 100;

// auditSearch pages through the record, newest first.
export const auditSearch = (search: AuditSearch) =>
  infiniteQueryOptions({
    queryKey: ['audit', 'search', search] as const,
    queryFn: ({ pageParam, signal }) =>
      request<EventPage>('GET', '/audit/events', {
        params: {
          q: search.q,
          from: instant(search.from),
          to: instant(search.to),
          limit: PAGE_ROWS,
          cursor: pageParam,
        },
        signal,
      }),
    initialPageParam: '',
    getNextPageParam: (last) => last.next || undefined,
    staleTime: 5_000,
    retry: false,
  });

// auditEvent is one event; a statement whose result is not known yet is asked for again.
export const auditEvent = (id: string) =>
  queryOptions({
    queryKey: ['audit', 'event', id] as const,
    queryFn: ({ signal }) => request<AuditEvent>('GET', `/audit/events/${encodeURIComponent(id)}`, { signal }),
    refetchInterval: ({ state }) => (state.data && isRunning(state.data) ? 2_000 : false),
    staleTime: 5_000,
    retry: false,
  });

export const tailPath = (q: string) => apiPath('/audit/tail', { q });

// isRunning says whether a statement was let through and its result has not been recorded.
export function isRunning(event: AuditEvent): boolean {
  return event.type === 'statement' && !event.done && event.verdict !== 'deny';
}
