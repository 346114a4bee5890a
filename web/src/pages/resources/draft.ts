import type { Resource } from '../../api/types';

// AccountRow is one account of a resource and the credential that opens it.
export interface AccountRow {
  account: string;
  credential: string;
}

export const rowsOf = (accounts: Resource['accounts'] | undefined): AccountRow[] =>
  Object.entries(accounts ?? {}).map(([account, credential]) => ({ account, credential }));

// accountsOf leaves out rows that say nothing. Of two for one account the later counts, as in the file.
export const accountsOf = (rows: AccountRow[]): Record<string, string> =>
  Object.fromEntries(rows.filter(({ account, credential }) => account.trim() || credential).map((row) => [row.account.trim(), row.credential]));
