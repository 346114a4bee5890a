import type { HostKey, Node, Protocol, Resource, SSH } from '../../api/types';

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

// nodesOf leaves out rows that say nothing; without any the store is no cluster.
export const nodesOf = (rows: Node[]): Node[] | undefined => {
  const nodes = rows.map(({ name, address }) => ({ name: name.trim(), address: address.trim() })).filter(({ name, address }) => name || address);
  return nodes.length > 0 ? nodes : undefined;
};

// fitting takes from a resource what its protocol has no place for, such as the nodes that were entered before another
// one was chosen. Of a protocol that is not known it keeps all.
export const fitting = (resource: Resource, protocol: Protocol | undefined): Resource => ({
  ...resource,
  nodes: protocol?.clusters === false ? undefined : resource.nodes,
  master: protocol?.sentinels === false ? undefined : resource.master,
  ssh: protocol?.ssh === false ? undefined : resource.ssh,
  ...(protocol?.ssh ? { database: undefined, ssl_mode: undefined, ca: undefined } : {}),
});

// keysOf are the public keys in a text, one a line. An empty list forgets those that are known; left out, they are kept.
export const keysOf = (text: string): string[] => text.split('\n').map((line) => line.trim()).filter(Boolean);

// EnvKind is how an SSH server says which variables clients may set: by the default, by none, or by a list.
export type EnvKind = 'default' | 'none' | 'list';

export const envKind = (env: SSH['env']): EnvKind => (env ? (env.length > 0 ? 'list' : 'none') : 'default');

// envOf is what a kind begins as. A list begins with what the default lets through.
export const envOf = (kind: EnvKind): SSH['env'] => (kind === 'default' ? undefined : kind === 'none' ? [] : ['LANG', 'LC_*']);

// originOf says how a host key came to be known.
export const originOf = ({ how, by }: HostKey): string => {
  if (how === 'learned') return by ? `Learned by ${by}` : 'Learned';
  if (how === 'given') return by ? `Given by ${by}` : 'Given';
  return 'The record does not tell';
};
