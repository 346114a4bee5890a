// A search as a person types it is a list of terms: user:ali*, -class:read, "refund", duration:>1s. The server alone
// says what a search means (audit/query); here it is only cut up, so that pages can show terms and change them.

export interface Term {
  // text is the term as typed, sign and quotes included.
  text: string;
  negated: boolean;
  // field is empty for a word or phrase that is looked for anywhere.
  field: string;
  value: string;
}

const FIELD = /^([a-z_]+):(?=.)/is;

// parseTerms cuts a search into its terms. A quote that never closes reaches to the end.
export function parseTerms(query: string): Term[] {
  return split(query).map((text) => {
    const negated = text.length > 1 && text.startsWith('-');
    const rest = negated ? text.slice(1) : text;
    const field = (FIELD.exec(rest)?.[1] ?? '').toLowerCase();
    const value = field ? rest.slice(field.length + 1) : rest;
    return { text, negated, field, value: unquote(value) };
  });
}

function split(query: string): string[] {
  const terms: string[] = [];
  let term = '';
  let quoted = false;
  for (let i = 0; i < query.length; i++) {
    const c = query.charAt(i);
    if (!quoted && /\s/.test(c)) {
      if (term) terms.push(term);
      term = '';
      continue;
    }
    term += c;
    if (quoted && c === '\\' && i + 1 < query.length) term += query.charAt(++i);
    else if (c === '"') quoted = !quoted;
  }
  if (term) terms.push(term);
  return terms;
}

function unquote(value: string): string {
  if (!value.startsWith('"')) return value;
  const end = value.length > 1 && value.endsWith('"') ? -1 : undefined;
  return value.slice(1, end).replace(/\\(["\\])/g, '$1');
}

// quote writes a value so that it is one term, whatever is in it.
export function quote(value: string): string {
  if (/^[\p{L}\p{N}_.@/#-]+$/u.test(value) && !value.startsWith('-')) return value;
  return `"${value.replace(/["\\]/g, '\\$&')}"`;
}

// isList says whether a search is a plain list of terms that must all hold, without or, not and parentheses: only
// then can a term be taken out by itself.
export function isList(query: string): boolean {
  return split(query).every((text) => {
    const bare = text.replace(/"(?:\\.|[^"\\])*("|$)/gs, '');
    return !/[()]/.test(bare) && !/^(or|and|not)$/i.test(text);
  });
}

// withFilter adds field:value to a search, in place of an equal or opposite term.
export function withFilter(query: string, field: string, value: string, negated = false): string {
  const text = `${negated ? '-' : ''}${field}:${quote(value)}`;
  if (!isList(query)) return `(${query}) ${text}`;
  const kept = parseTerms(query).filter((term) => term.field !== field || term.value !== value);
  return [...kept.map((term) => term.text), text].join(' ');
}

// withoutTerm drops the term at a place in parseTerms' list.
export function withoutTerm(query: string, index: number): string {
  return parseTerms(query)
    .filter((_, i) => i !== index)
    .map((term) => term.text)
    .join(' ');
}

// caret turns a place in bytes of UTF-8, as the server reports it, into a piece of the text: before, at, after.
// The piece at the place is empty when the place is the text's end.
export function caret(text: string, position: number, length: number): [string, string, string] {
  const bytes = new TextEncoder().encode(text);
  const decode = (from: number, to: number) => new TextDecoder().decode(bytes.slice(from, to));
  const start = Math.min(Math.max(position, 0), bytes.length);
  const end = Math.min(start + Math.max(length, 1), bytes.length);
  return [decode(0, start), decode(start, end), decode(end, bytes.length)];
}
