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
