import { describe, expect, it } from 'vitest';
import { accountsOf, envKind, envOf, fitting, keysOf, nodesOf, originOf, rowsOf } from './draft';

describe('accounts of a resource', () => {
  it('come out as they went in, without empty rows', () => {
    const accounts = { app: 'orders-app', ro: 'orders-ro' };
    expect(accountsOf([...rowsOf(accounts), { account: ' ', credential: '' }])).toEqual(accounts);
  });

  it('keep what is half done, so that the server can say what is missing', () => {
    expect(accountsOf([{ account: 'app', credential: '' }])).toEqual({ app: '' });
    expect(accountsOf([{ account: '', credential: 'x' }])).toEqual({ '': 'x' });
  });
});

describe('nodes of a resource', () => {
  it('come out as they went in, trimmed, without empty rows', () => {
    expect(nodesOf([{ name: ' n1 ', address: '10.0.0.1:6379 ' }, { name: '', address: ' ' }])).toEqual([{ name: 'n1', address: '10.0.0.1:6379' }]);
    expect(nodesOf([{ name: '', address: '' }])).toBeUndefined();
  });

  it('keep what is half done, so that the server can say what is missing', () => {
    expect(nodesOf([{ name: 'n1', address: '' }])).toEqual([{ name: 'n1', address: '' }]);
  });

  it('go when the protocol has no place for them', () => {
    const redis = { name: 'redis', title: 'Redis', clusters: true, sentinels: true, numbered_databases: true, ssh: false };
    const cluster = { name: 'cache', protocol: 'redis', address: 'a:1', accounts: {}, nodes: [{ name: 'n1', address: 'a:1' }], master: 'm' };
    expect(fitting(cluster, redis)).toEqual(cluster);
    expect(fitting(cluster, undefined)).toEqual(cluster);
    expect(fitting(cluster, { ...redis, clusters: false })).toEqual({ ...cluster, nodes: undefined });
    expect(fitting(cluster, { ...redis, sentinels: false })).toEqual({ ...cluster, master: undefined });
  });
});

describe('an SSH server', () => {
  const ssh = { name: 'ssh', title: 'SSH', clusters: false, sentinels: false, numbered_databases: false, ssh: true };
  const web = { name: 'web-1', protocol: 'ssh', address: 'web-1:22', accounts: {}, ssh: { host_keys: ['ssh-ed25519 AAAA'] } };

  it('has no database and no TLS', () => {
    const once = { ...web, database: 'app', ssl_mode: 'disable', ca: 'PEM' };
    expect(fitting(once, ssh)).toEqual(web);
    expect(fitting(once, undefined)).toEqual(once);
  });

  it('loses its keys when it becomes a store', () => {
    expect(fitting(web, { ...ssh, ssh: false })).toEqual({ ...web, ssh: undefined });
  });

  it('is known by keys, one a line', () => {
    expect(keysOf(' ssh-ed25519 AAAA root@web-1 \n\nssh-rsa BBBB\n')).toEqual(['ssh-ed25519 AAAA root@web-1', 'ssh-rsa BBBB']);
    expect(keysOf(' \n')).toEqual([]);
  });

  it('takes variables by the default, by none or by a list', () => {
    expect([undefined, [], ['TZ']].map(envKind)).toEqual(['default', 'none', 'list']);
    for (const kind of ['default', 'none', 'list'] as const) expect(envKind(envOf(kind))).toBe(kind);
    expect(envOf('default')).toBeUndefined(); // left out, and not an empty list, which is none
  });

  it('says how its keys came to be known', () => {
    const key = { fingerprint: 'SHA256:x', type: 'ssh-ed25519', authority: false };
    expect(originOf({ ...key, how: 'learned', by: 'gw-1' })).toBe('Learned by gw-1');
    expect(originOf({ ...key, how: 'given', by: 'alice' })).toBe('Given by alice');
    expect(originOf(key)).toBe('The record does not tell');
  });
});
