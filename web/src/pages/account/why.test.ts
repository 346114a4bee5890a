import { expect, test } from 'vitest';
import { rights, why } from './why';

test('each reason to hold a role is told', () => {
  expect(why({ name: 'r', by_name: true, groups: ['eng', 'sre'] })).toEqual([
    'given to you by name',
    'by the group eng',
    'by the group sre',
  ]);
  const [grant] = why({ name: 'r', grants: [{ id: 'g', until: '2026-01-01T00:00:00Z', resource: 'orders', account: 'app' }] });
  expect(grant).toMatch(/^granted until .* for orders as app$/);
  expect(why({ name: 'r' })).toEqual([]);
});

test('rights are told, and that there are none', () => {
  expect(rights({ name: 'r', admin: true, mfa: '8h0m0s' })).toBe('admin, needs a passkey');
  expect(rights({ name: 'r', mfa: '0s' })).toBe('–');
});
