import { queryOptions } from '@tanstack/react-query';
import { apiPath, request, requestText } from './http';
import type { AuditEvent, EventPage, Found, Recording } from './types';

// sessionRecordings are what the terminals of a session showed, oldest first; asked for again while one is open.
export const sessionRecordings = (session: string) =>
  queryOptions({
    queryKey: ['recordings', session] as const,
    queryFn: ({ signal }) => request<{ items: Recording[] }>('GET', '/recordings', { params: { session }, signal }),
    refetchInterval: ({ state }) => (state.data?.items.some((recording) => recording.growing) ? 2_000 : false),
    retry: false,
  });

// sessionStatements are what was done in a session, oldest first, up to 1000.
export const sessionStatements = (session: string) =>
  queryOptions({
    queryKey: ['recordings', session, 'statements'] as const,
    queryFn: async ({ signal }): Promise<AuditEvent[]> => {
      const params = { q: `session:${session} type:statement`, limit: 1000 };
      const page = await request<EventPage>('GET', '/audit/events', { params, signal });
      return page.rows.toReversed();
    },
    retry: false,
  });

// foundInRecording are the moments at which a text was shown.
export const foundInRecording = (statement: string, text: string) =>
  queryOptions({
    queryKey: ['recordings', 'find', statement, text] as const,
    queryFn: ({ signal }) =>
      request<Found>('GET', `/recordings/${encodeURIComponent(statement)}/find`, { params: { q: text }, signal }),
    enabled: text !== '',
    staleTime: Infinity,
    retry: false,
  });

// recordingText is a recording as asciicast, as far as it goes. It is read once, since the record says who reads it.
export const recordingText = (statement: string) =>
  queryOptions({
    queryKey: ['recordings', 'text', statement] as const,
    queryFn: ({ signal }) => requestText(`/recordings/${encodeURIComponent(statement)}`, signal),
    staleTime: Infinity,
    retry: false,
  });

// livePath is where an open terminal is watched.
export const livePath = (statement: string) => apiPath(`/recordings/${encodeURIComponent(statement)}/live`);
