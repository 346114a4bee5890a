import type { RecordingFilter } from '../../api/recordings';
import { isBound } from '../../query/range';

export interface RecordingSearch {
  // statement is the recording that is shown; without one, the session's first.
  statement?: string;
  // at is where it begins, in seconds.
  at?: number;
  // q is what is looked for in it.
  q?: string;
}

export function validateRecordingSearch(search: Record<string, unknown>): RecordingSearch {
  const at = Number(search.at);
  return {
    ...(typeof search.statement === 'string' && search.statement !== '' && { statement: search.statement }),
    ...(search.at !== undefined && Number.isFinite(at) && at >= 0 && { at }),
    ...(typeof search.q === 'string' && search.q !== '' && { q: search.q }),
  };
}

// RecordingsSearch are the URL parameters of the list: which recordings, and in q what they showed.
export interface RecordingsSearch extends RecordingFilter {
  q?: string;
}

export function validateRecordingsSearch(search: Record<string, unknown>): RecordingsSearch {
  const text = <K extends string>(key: K, fits = (value: string) => value !== '') => {
    const value = search[key];
    return typeof value === 'string' && fits(value.trim()) ? ({ [key]: value.trim() } as Record<K, string>) : undefined;
  };
  const { command, state } = search;
  return {
    ...text('user'), ...text('resource'), ...text('account'), ...text('q'), ...text('from', isBound), ...text('to', isBound),
    ...((command === 'shell' || command === 'exec') && { command }),
    ...((state === 'open' || state === 'interrupted' || state === 'over') && { state }),
  };
}

export type ChangeList = (part: { [K in keyof RecordingsSearch]: RecordingsSearch[K] | undefined }) => void;
