import { describe, expect, it } from 'vitest';
import { accountsOf, rowsOf } from './draft';

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
