import { useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback } from 'react';
import { isBound } from '../../query/range';

// AuditSearchParams are the audit page's URL parameters: all that makes up a view, so that any can be shared.
export interface AuditSearchParams {
  q?: string;
  from?: string;
  to?: string;
  live?: 'on';
  // event is the ID of the event whose panel is open.
  event?: string;
}

export function validateAuditSearch(search: Record<string, unknown>): AuditSearchParams {
  const text = (key: string) => (typeof search[key] === 'string' && search[key] ? search[key] : undefined);
  const bound = (key: string) => {
    const value = text(key);
    return value && isBound(value) ? value : undefined;
  };
  return { q: text('q'), from: bound('from'), to: bound('to'), live: search.live === 'on' ? 'on' : undefined, event: text('event') };
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
