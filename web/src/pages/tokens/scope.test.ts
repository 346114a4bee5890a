import { expect, test } from 'vitest';
import { expiryOf, isOver, opens } from './scope';

test('what a token opens is told in words', () => {
  expect(opens(undefined)).toBe('all that its user may');
  expect(opens({ from: ['10.0.0.0/8'] })).toBe('all that its user may, from 10.0.0.0/8');
  expect(opens({ resources: ['orders', 'billing'], accounts: ['app'], statements: ['read'] })).toBe(
    'orders, billing, as app, read only',
  );
});

test('days become a moment', () => {
  expect(expiryOf(30, Date.parse('2026-01-01T00:00:00Z'))).toBe('2026-01-31T00:00:00.000Z');
});

test('a token without an end is never over', () => {
  const now = Date.parse('2026-01-02T00:00:00Z');
  expect([undefined, '2026-01-01T00:00:00Z', '2026-01-03T00:00:00Z'].map((at) => isOver(at, now))).toEqual([false, true, false]);
});
