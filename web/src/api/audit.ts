import { infiniteQueryOptions, keepPreviousData, type QueryFilters, queryOptions } from '@tanstack/react-query';
import { apiPath, request } from './http';
import type { AuditCount, AuditEvent, AuditStatus, EventPage, Histogram, Proof, Top } from './types';
import { autoStep, instant } from '../query/range';
import { quote } from '../query/terms';

export interface AuditSearch {
  q: string;
  // from and to are as in the page's URL: a time (RFC 3339) or, for from, a distance to now such as -1h.
  from: string;
  to: string;
}

export type Measure = 'count' | 'duration' | 'rows' | 'bytes';

const PAGE_ROWS = 100;

const matching = (search: AuditSearch) => ({ q: search.q, from: instant(search.from), to: instant(search.to) });

// auditSearch pages through the record, newest first.
export const auditSearch = (search: AuditSearch) =>
  infiniteQueryOptions({
    queryKey: ['audit', 'search', search] as const,
    queryFn: ({ pageParam, signal }) =>
      request<EventPage>('GET', '/audit/events', {
        params: { ...matching(search), limit: PAGE_ROWS, cursor: pageParam },
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

// HistogramView is a histogram with the range that it was asked for, in RFC 3339; empty where that had no bound.
export interface HistogramView extends Histogram {
  from: string;
  to: string;
}

// auditHistogram counts what a search finds over time, and by the values of a field within each step. The last answer
// stays until the next one is there.
export const auditHistogram = (search: AuditSearch, by: string) =>
  queryOptions({
    queryKey: ['audit', 'histogram', search, by] as const,
    queryFn: async ({ signal }): Promise<HistogramView> => {
      const range = matching(search);
      const to = range.to ?? new Date().toISOString();
      const step = range.from && autoStep(Date.parse(range.from), Date.parse(to));
      const found = await request<Histogram>('GET', '/audit/histogram', { params: { ...range, step, by }, signal });
      return { ...found, from: range.from ?? '', to: range.from ? to : '' };
    },
    placeholderData: keepPreviousData,
    staleTime: 5_000,
    retry: false,
  });

// auditTop ranks a field's values among what a search finds.
export const auditTop = (search: AuditSearch, field: string, by: Measure, n: number) =>
  queryOptions({
    queryKey: ['audit', 'top', search, field, by, n] as const,
    queryFn: ({ signal }) => request<Top>('GET', '/audit/top', { params: { ...matching(search), field, by, n }, signal }),
    placeholderData: keepPreviousData,
    staleTime: 5_000,
    retry: false,
  });

// auditSample is the newest event with a fingerprint; null when there is none.
export const auditSample = (fingerprint: string) =>
  queryOptions({
    queryKey: ['audit', 'sample', fingerprint] as const,
    queryFn: async ({ signal }) => {
      const page = await request<EventPage>('GET', '/audit/events', { params: { q: `fingerprint:${quote(fingerprint)}`, limit: 1 }, signal });
      return page.rows[0] ?? null;
    },
    staleTime: 10 * 60_000,
    retry: false,
  });

// auditCount counts what a search finds.
export const auditCount = (search: AuditSearch) =>
  queryOptions({
    queryKey: ['audit', 'count', search] as const,
    queryFn: ({ signal }) => request<AuditCount>('GET', '/audit/count', { params: matching(search), signal }),
    staleTime: 5_000,
    retry: false,
  });

const ANSWERS = ['search', 'histogram', 'top', 'count'];

// auditAnswers are the queries whose answers change as events arrive.
export const auditAnswers: QueryFilters = {
  predicate: ({ queryKey: [noun, what] }) => noun === 'audit' && ANSWERS.includes(String(what)),
};

// auditStatus is how far the index has followed the record. It is asked for again while the page is in sight.
export const auditStatus = queryOptions({
  queryKey: ['audit', 'status'] as const,
  queryFn: ({ signal }) => request<AuditStatus>('GET', '/audit/status', { signal }),
  refetchInterval: 5_000,
  retry: false,
});

// auditProof proves that an event stands in the record.
export const auditProof = (id: string) =>
  queryOptions({
    queryKey: ['audit', 'proof', id] as const,
    queryFn: ({ signal }) => request<Proof>('GET', `/audit/events/${encodeURIComponent(id)}/proof`, { signal }),
    staleTime: Infinity,
    gcTime: 60_000,
    retry: false,
  });

export const EXPORT_FORMATS = ['jsonl', 'csv', 'parquet'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export const exportPath = (search: AuditSearch, format: ExportFormat) => apiPath('/audit/export', { ...matching(search), format });

export const tailPath = (q: string) => apiPath('/audit/tail', { q });

// isRunning says whether a statement was let through and its result has not been recorded.
export function isRunning(event: AuditEvent): boolean {
  return event.type === 'statement' && !event.done && event.verdict !== 'deny';
}
