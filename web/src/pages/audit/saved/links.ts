import type { AuditSearchParams } from '../search';

// SavedSearch is a view under a name. It is kept as the page's parameters, so that it is a link.
export interface SavedSearch {
  name: string;
  view: AuditSearchParams;
}

// MAX_SAVED bounds what a browser keeps; MAX_NAME a name's length, in characters.
const MAX_SAVED = 200;
export const MAX_NAME = 80;

// STARTING_POINTS are searches that most people come for.
export const STARTING_POINTS: SavedSearch[] = [
  { name: 'Denied in the last day', view: { q: 'verdict:deny or type:session.denied', from: '-24h' } },
  { name: 'Errors in the last day', view: { q: 'error:*', from: '-24h' } },
  { name: 'DDL this week', view: { q: 'class:ddl', from: '-7d' } },
  { name: 'Large reads this week', view: { q: 'class:read rows:>10000', from: '-7d' } },
  { name: 'Slow statements in the last day', view: { q: 'duration:>1s', from: '-24h', view: 'statements', by: 'duration' } },
  { name: 'Changes in the control plane', view: { q: 'type:admin', from: '-7d' } },
];

// writesBy is the starting point that needs to know the service accounts; undefined when there is none.
export function writesBy(accounts: string[], quote: (value: string) => string): SavedSearch | undefined {
  if (accounts.length === 0) return undefined;
  return { name: 'Writes by service accounts', view: { q: `class:write user:${accounts.map(quote).join(',')}`, from: '-24h' } };
}

// kept is what of a view is saved: not what only belongs to the moment.
export function kept(view: AuditSearchParams): AuditSearchParams {
  const { q, from, to, view: as, by, split } = view;
  return present({ q, from, to, view: as, by, split });
}

const present = (view: AuditSearchParams): AuditSearchParams =>
  Object.fromEntries(Object.entries(view).filter(([, value]) => value));

export const sameView = (a: AuditSearchParams, b: AuditSearchParams) => linkOf(kept(a)) === linkOf(kept(b));

// linkOf is a view's address on this server.
export function linkOf(view: AuditSearchParams): string {
  const text = new URLSearchParams(present(view) as Record<string, string>).toString();
  return `/audit${text ? `?${text}` : ''}`;
}

// readSaved reads what the browser has kept; what is no saved search is passed over.
export function readSaved(text: string | undefined, valid: (view: Record<string, unknown>) => AuditSearchParams): SavedSearch[] {
  let found: unknown;
  try {
    found = JSON.parse(text ?? '[]');
  } catch {
    return [];
  }
  if (!Array.isArray(found)) return [];
  return found
    .filter((s: unknown): s is { name: string; view: Record<string, unknown> } => isSaved(s))
    .map(({ name, view }) => ({ name, view: kept(valid(view)) }))
    .slice(0, MAX_SAVED);
}

function isSaved(s: unknown): boolean {
  if (typeof s !== 'object' || s === null) return false;
  const { name, view } = s as Record<string, unknown>;
  return typeof name === 'string' && name !== '' && typeof view === 'object' && view !== null;
}

// withSaved adds a search, in place of one of the same name.
export const withSaved = (all: SavedSearch[], search: SavedSearch): SavedSearch[] =>
  [...all.filter((s) => s.name !== search.name), search].slice(-MAX_SAVED);

export const withoutSaved = (all: SavedSearch[], name: string): SavedSearch[] => all.filter((s) => s.name !== name);

// renamed gives a search another name, at its place; one that had that name goes.
export const renamed = (all: SavedSearch[], from: string, to: string): SavedSearch[] =>
  all.filter((s) => s.name === from || s.name !== to).map((s) => (s.name === from ? { ...s, name: to } : s));
