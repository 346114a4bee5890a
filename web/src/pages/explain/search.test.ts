import { describe, expect, it } from 'vitest';
import { askedBy, validateExplainSearch } from './search';

describe('what is explained', () => {
  it('comes from the address, and nothing else', () => {
    const search = validateExplainSearch({ user: 'bob', resource: 'orders', statement: 'select 1', mfa: '5m', account: '', x: 'y', from: 7 });
    expect(search).toEqual({ user: 'bob', resource: 'orders', statement: 'select 1', mfa: '5m' });
    expect(askedBy(search)).toEqual({ user: 'bob', resource: 'orders', statement: 'select 1', mfa_ago: '5m' });
  });

  it('is the same once an optional field was typed and cleared again', () => {
    const search = validateExplainSearch({ user: 'bob', resource: 'orders' });
    const draft = { ...search, statement: '', account: undefined, from: '', mfa: '' };
    expect(JSON.stringify(askedBy(validateExplainSearch(draft)))).toBe(JSON.stringify(askedBy(search)));
  });

  it('needs somebody and something', () => {
    expect(askedBy({ user: 'bob' })).toBeUndefined();
    expect(askedBy({ resource: 'orders' })).toBeUndefined();
  });
});
