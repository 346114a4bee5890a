import { useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback } from 'react';
import type { Measure } from '../../api/audit';
import { isBound } from '../../query/range';

// AuditSearchParams are the audit page's URL parameters: all that makes up a view, so that any can be shared.
export interface AuditSearchParams {
  q?: string;
  from?: string;
  to?: string;
  live?: 'on';
  // event is the ID of the event whose panel is open.
  event?: string;
  // view is statements where events are grouped by fingerprint; by is what the groups are ordered by, if not count.
  view?: 'statements';
  by?: Exclude<Measure, 'count'>;
  // split is what the histogram's bars are made of, if not class.
  split?: 'verdict';
}

export function validateAuditSearch(search: Record<string, unknown>): AuditSearchParams {
  const text = (key: string) => (typeof search[key] === 'string' && search[key] ? search[key] : undefined);
  const bound = (key: string) => {
    const value = text(key);
    return value && isBound(value) ? value : undefined;
  };
  const oneOf = <T extends string>(key: string, ...allowed: T[]) => allowed.find((value) => value === search[key]);
  return {
    q: text('q'),
    from: bound('from'),
    to: bound('to'),
    live: oneOf('live', 'on'),
    event: text('event'),
    view: oneOf('view', 'statements'),
    by: oneOf('by', 'duration', 'rows', 'bytes'),
    split: oneOf('split', 'verdict'),
  };
}

export type ChangeView = (part: AuditSearchParams, how?: { replace: boolean }) => void;

// useAuditView is the view that the URL describes and the way to change parts of it.
export function useAuditView(): [AuditSearchParams, ChangeView] {
  const view = useSearch({ from: '/app/audit' });
  const navigate = useNavigate({ from: '/audit' });
  const change = useCallback<ChangeView>(
    (part, how) => void navigate({ search: (before) => ({ ...before, ...part }), replace: how?.replace ?? false }),
    [navigate],
  );
  return [view, change];
}
