import { describe, expect, it } from 'vitest';
import type { Role } from '../../api/types';
import { draftOf, labelsOf, roleOf } from './draft';

const plain = (role: Role): unknown => JSON.parse(JSON.stringify(role));

describe('a role in its form', () => {
  it('comes out as it went in', () => {
    const whole: Role = {
      name: 'writers', resources: ['orders'], labels: { env: 'prod', zone: '' }, accounts: ['app', 'ro'], groups: ['eng'],
      admin: true, auditor: true, provisioner: true, provisions_admins: true,
      statements: {
        classes: ['read'], tables: ['public.*'], deny_tables: ['secrets'], deny_columns: ['people.ssn'], require_where: true, max_rows: 500,
      },
      when: [{ days: ['mon'], from: '09:00', to: '17:00', zone: 'Europe/Berlin' }, { from: '22:00', to: '04:00' }],
      from: ['10.0.0.0/8'], max_session: '8h', mfa: '1h',
      request: { approvers: ['leads'], approvals: 2, max: '4h' },
    };
    expect(plain(roleOf(draftOf(whole)))).toEqual(whole);
    const least: Role = { name: 'leads', accounts: [] };
    expect(plain(roleOf(draftOf(least)))).toEqual(least);
  });

  it('keeps a rule for requests that asks nobody', () => {
    const rule = plain(roleOf({ ...draftOf({ name: 'a', accounts: [] }), onRequest: true }));
    expect(rule).toEqual({ name: 'a', accounts: [], request: { approvals: 0 } });
  });

  it('sends no condition that was emptied', () => {
    const draft = draftOf({ name: 'a', accounts: ['*'], resources: ['*'], statements: { max_rows: 5 }, mfa: '1h', labels: { a: 'b' } });
    expect(plain(roleOf({ ...draft, maxRows: '', mfa: ' ', labels: [] }))).toEqual({ name: 'a', accounts: ['*'], resources: ['*'] });
  });

  it('reads labels, whatever is in their values', () => {
    expect(labelsOf(['env=prod', 'note=a=b', 'bare', ' x = y '])).toEqual({ env: 'prod', note: 'a=b', bare: '', x: 'y' });
  });
});
