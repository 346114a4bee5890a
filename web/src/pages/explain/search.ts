import type { ExplainInput } from '../../api/types';

// ExplainSearch are the URL parameters of the page that explains: what is asked, so that any answer can be shared.
export interface ExplainSearch {
  user?: string;
  resource?: string;
  account?: string;
  statement?: string;
  from?: string;
  // mfa is how long ago a passkey was used.
  mfa?: string;
}

const KEYS = ['user', 'resource', 'account', 'statement', 'from', 'mfa'] as const;

export function validateExplainSearch(search: Record<string, unknown>): ExplainSearch {
  const out: ExplainSearch = {};
  for (const key of KEYS) {
    const value = search[key];
    if (typeof value === 'string' && value !== '') out[key] = value;
  }
  return out;
}

// askedBy is what the API is asked; undefined while it is not known who would open what.
export function askedBy({ user, resource, account, statement, from, mfa }: ExplainSearch): ExplainInput | undefined {
  if (!user || !resource) return undefined;
  return { user, resource, account, statement, from, mfa_ago: mfa };
}
