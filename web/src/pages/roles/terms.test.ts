import { describe, expect, it } from 'vitest';
import { brief, terms } from './terms';

describe('what a role gives', () => {
  it('names every condition, and none that is not there', () => {
    expect(
      terms({
        name: 'writers', accounts: ['app'], resources: ['orders'], labels: { env: 'prod' },
        statements: { classes: ['read', 'write'], deny_columns: ['people.ssn'], require_where: true, max_rows: 100 },
        when: [{ days: ['mon'], from: '09:00', to: '17:00', zone: 'Europe/Berlin' }], from: ['10.0.0.0/8'],
        max_session: '8h', mfa: '1h', auditor: true,
      }),
    ).toEqual([
      ['Resources', 'orders; and those with env=prod'],
      ['As', 'app'],
      ['Statements', 'read, write'],
      ['But not columns', 'people.ssn'],
      ['Whole tables', 'no update or delete without WHERE'],
      ['Rows', '100 at most'],
      ['When', 'mon 09:00–17:00 Europe/Berlin'],
      ['From', '10.0.0.0/8'],
      ['Session', '8h at most'],
      ['Passkey', 'used within 1h'],
      ['Here', 'auditor'],
    ]);
    expect(terms({ name: 'leads', accounts: [] })).toEqual([]);
    expect(terms({ name: 'all', accounts: ['*'], resources: ['*'], mfa: '0s', when: [{ from: '00:00', to: '24:00' }] })).toEqual([
      ['Resources', 'all'],
      ['As', 'every account'],
      ['When', 'every day 00:00–24:00 UTC'],
    ]);
  });

  it('is said in a few words in a list', () => {
    expect(brief({ name: 'a', accounts: [], request: { approvals: 2 }, mfa: '1h' })).toEqual(['on request, 2 to approve', 'passkey']);
    expect(brief({ name: 'a', accounts: [] })).toEqual([]);
  });
});
