import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { apiPath, Problem, request } from './http';
import { instant } from '../query/range';
import type { AuditEvent, EventPage, Found, Recording, RecordingPart, RecordingsFound } from './types';

// mayGrow says that there may be more of a recording a moment later: its terminal is open, or its gateway may come back.
const mayGrow = ({ growing, interrupted }: Recording): boolean => growing || interrupted;

// sessionRecordings are what the terminals of a session showed, oldest first; asked for again while one may grow.
export const sessionRecordings = (session: string) =>
  queryOptions({
    queryKey: ['recordings', session] as const,
    queryFn: ({ signal }) => request<{ items: Recording[] }>('GET', '/recordings', { params: { session }, signal }),
    refetchInterval: ({ state }) => (state.data?.items.some(mayGrow) ? 2_000 : false),
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

// foundInRecording are the moments at which a text was shown; a long recording is searched page by page.
export const foundInRecording = (statement: string, text: string) =>
  infiniteQueryOptions({
    queryKey: ['recordings', 'find', statement, text] as const,
    queryFn: ({ signal, pageParam }) => request<Found>('GET', pathOf(statement, 'find'), { params: { q: text, from: pageParam }, signal }),
    initialPageParam: 0,
    getNextPageParam: (page) => (page.partial || page.more ? page.to : undefined),
    enabled: text !== '',
    staleTime: Infinity,
    retry: false,
  });

// recordedInput are the lines that were typed or sent.
export const recordedInput = (statement: string) =>
  infiniteQueryOptions({
    queryKey: ['recordings', 'input', statement] as const,
    queryFn: ({ signal, pageParam }) => request<Found>('GET', pathOf(statement, 'input'), { params: { from: pageParam }, signal }),
    initialPageParam: 0,
    getNextPageParam: (page) => (page.partial || page.more ? page.to : undefined),
    staleTime: Infinity,
    retry: false,
  });

// readPart reads what a terminal showed from a moment on. Where the server has not got there yet, it is asked again.
export async function readPart(statement: string, from: number, signal: AbortSignal): Promise<RecordingPart> {
  for (let tries = 1; ; tries++) {
    try {
      return await request<RecordingPart>('GET', pathOf(statement, 'part'), { params: { from }, signal });
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 503 || tries === 20) throw error;
    }
  }
}

// RecordingFilter chooses recordings. from and to are as in the page's URL: a time (RFC 3339) or, for from, a distance to now such as -1h.
export interface RecordingFilter {
  user?: string;
  resource?: string;
  account?: string;
  command?: 'shell' | 'exec';
  state?: 'open' | 'interrupted' | 'over';
  from?: string;
  to?: string;
}

const chosen = ({ state, from = '', to = '', ...same }: RecordingFilter) => ({
  ...same, since: instant(from), until: instant(to), ...(state && { [state]: 'true' }),
});

// recordings are those that a filter chooses, newest first; asked for again while one may grow.
export const recordings = (filter: RecordingFilter) =>
  infiniteQueryOptions({
    queryKey: ['recordings', 'list', filter] as const,
    queryFn: ({ signal, pageParam }) =>
      request<{ items: Recording[]; next: string }>('GET', '/recordings', { params: { ...chosen(filter), cursor: pageParam }, signal }),
    initialPageParam: '',
    getNextPageParam: (page) => page.next || undefined,
    refetchInterval: ({ state }) => (state.data?.pages.length === 1 && state.data.pages[0]?.items.some(mayGrow) ? 5_000 : false),
    retry: false,
  });

// searchedRecordings are those of them that showed a text. Each page is what one request had the time to look into.
export const searchedRecordings = (filter: RecordingFilter, text: string) =>
  infiniteQueryOptions({
    queryKey: ['recordings', 'search', filter, text] as const,
    queryFn: ({ signal, pageParam }) =>
      request<RecordingsFound>('GET', '/recordings/search', { params: { ...chosen(filter), q: text, cursor: pageParam }, signal }),
    initialPageParam: '',
    getNextPageParam: (page) => page.next || undefined,
    enabled: text !== '',
    staleTime: Infinity,
    retry: false,
  });

const pathOf = (statement: string, what: string) => `/recordings/${encodeURIComponent(statement)}/${what}`;

// livePath is where an open terminal is watched.
export const livePath = (statement: string) => apiPath(`/recordings/${encodeURIComponent(statement)}/live`);
