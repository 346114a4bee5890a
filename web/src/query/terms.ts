import { type Unit, units } from './lex';

// Changing a search: the text stays the only truth, and what is added or taken away is a term of it.

// parseTerms cuts a search into its terms; the word and, which changes nothing, is left out.
export const parseTerms = (query: string): Unit[] => units(query).units.filter((unit) => unit.kind !== 'and');

// quote writes a value so that it is one term, whatever is in it.
export function quote(value: string): string {
  if (/^[\p{L}\p{N}_.@/#-]+$/u.test(value) && !value.startsWith('-')) return value;
  return `"${value.replace(/["\\]/g, '\\$&')}"`;
}

// isList says whether a search is a list of terms that must all hold, without an or between them: only then can a term
// be taken out by itself.
export function isList(query: string): boolean {
  const { units: all, broken } = units(query);
  return !broken && all.every((unit) => unit.kind !== 'or');
}

const join = (terms: Unit[]) => terms.map((term) => term.text).join(' ');

const isFilter = (term: Unit, field: string, value: string) =>
  term.field === field && term.values.length === 1 && term.values[0] === value;

// withFilter adds field:value to a search, in place of an equal or opposite term.
export function withFilter(query: string, field: string, value: string, negated = false): string {
  const text = `${negated ? '-' : ''}${field}:${quote(value)}`;
  if (!isList(query)) return `(${query}) ${text}`;
  return [join(parseTerms(query).filter((term) => !isFilter(term, field, value))), text].filter(Boolean).join(' ');
}

// withoutFilter takes field:value out again, be it wanted or excluded; a search with an or stays as it is.
export function withoutFilter(query: string, field: string, value: string): string {
  if (!isList(query)) return query;
  return join(parseTerms(query).filter((term) => !isFilter(term, field, value)));
}

export type Sense = 'only' | 'without';

// filterSense says whether a search narrows to field:value, excludes it, or neither.
export function filterSense(query: string, field: string, value: string): Sense | undefined {
  if (!isList(query)) return undefined;
  const term = parseTerms(query).findLast((t) => isFilter(t, field, value));
  return term && (term.negated ? 'without' : 'only');
}

// withoutTerm drops the term at a place in parseTerms' list.
export const withoutTerm = (query: string, index: number): string => join(parseTerms(query).filter((_, i) => i !== index));

// caret turns a place in bytes of UTF-8, as the server reports it, into a piece of the text: before, at, after.
// The piece at the place is empty when the place is the text's end.
export function caret(text: string, position: number, length: number): [string, string, string] {
  const bytes = new TextEncoder().encode(text);
  const decode = (from: number, to: number) => new TextDecoder().decode(bytes.slice(from, to));
  const start = Math.min(Math.max(position, 0), bytes.length);
  const end = Math.min(start + Math.max(length, 1), bytes.length);
  return [decode(0, start), decode(start, end), decode(end, bytes.length)];
}
