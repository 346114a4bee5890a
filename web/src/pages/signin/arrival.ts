// What the sign-in page reads from its own address.

// SignInSearch is its query: where to go afterwards, and why the identity provider's sign-in failed.
export interface SignInSearch {
  return_to?: string;
  error?: string;
}

export function validateSignInSearch(search: Record<string, unknown>): SignInSearch {
  const found: SignInSearch = {};
  if (typeof search.return_to === 'string' && isOwnPath(search.return_to)) found.return_to = search.return_to;
  if (typeof search.error === 'string' && search.error !== '') found.error = search.error;
  return found;
}

// isOwnPath admits paths of this server alone: never another site. Browsers take a backslash for a slash, and drop
// control characters.
export const isOwnPath = (path: string): boolean =>
  /^\/(?![/\\])/.test(path) && ![...path].some((c) => c <= ' ' || c === '\u007f');

// linkSecret finds the secret in what somebody pasted: a sign-in link, or what follows its #.
export function linkSecret(pasted: string): string {
  const text = pasted.trim();
  const at = text.indexOf('#');
  return at < 0 ? text : text.slice(at + 1);
}

const REASONS: Record<string, string> = {
  refused: 'The identity provider refused, or you cancelled there.',
  unavailable: 'The identity provider cannot be reached just now. Try again in a minute.',
  stale: 'This sign-in took too long, or began in another browser. Begin again.',
  unverified: 'The identity provider has not verified your mail address. Verify it there first.',
  domain: 'Your mail address belongs to a domain that may not sign in here.',
  unknown: 'There is no user of your name here. Ask an admin to create one.',
  taken: 'A local user has your name already. Ask an admin.',
  suspended: 'You are suspended. An admin can reinstate you.',
  rate_limited: 'Too many sign-ins from your address. Try again shortly.',
};

// reasonOf says in words why the provider's sign-in failed.
export const reasonOf = (error: string): string =>
  REASONS[error] ?? "The sign-in failed. The server's log says why.";
