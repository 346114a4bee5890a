import { describe, expect, it } from 'vitest';
import type { AccessRequest, Offer } from '../../api/types';
import { accountsFor, approvalsLeft, durationsUpTo, offeredResources, offersFor, secondsOf, standing, wishOf, wordOf } from './standing';

const request = (part: Partial<AccessRequest>): AccessRequest => ({
  id: 'r1', user: 'bob', role: 'writers', reason: 'fix', duration: '1h', created: '2026-01-01T00:00:00Z',
  expires: '2026-01-02T00:00:00Z', status: 'pending', approvals: 2, approvers: ['leads'], active: false, may_decide: false, ...part,
});

const offer = (role: string, resources: Record<string, string[]>): Offer => ({
  role, approvals: 1, longest: '4h', resources: Object.entries(resources).map(([name, accounts]) => ({ name, accounts })),
});

describe('where a request stands', () => {
  it('counts approvals, and not denials', () => {
    const at = '2026-01-01T01:00:00Z';
    const opinions = [{ by: 'ann', approve: true, at }, { by: 'eve', approve: false, at }];
    expect(approvalsLeft(request({ opinions }))).toBe(1);
    expect(standing(request({ opinions }))).toBe('It waits for 1 more of leads to approve it.');
  });

  it('tells an open grant from one that was revoked', () => {
    const until = '2999-01-01T00:00:00Z';
    expect(wordOf(request({ status: 'approved', active: true, until }))).toEqual(['open', 'good']);
    expect(wordOf(request({ status: 'approved', active: false, until }))).toEqual(['over', 'soft']);
    expect(standing(request({ status: 'approved', active: false, until }))).toContain('has ended');
  });

  it('names what is asked for', () => {
    expect(wishOf(request({}))).toBe('the role writers');
    expect(wishOf(request({ resource: 'orders' }))).toBe('orders');
    expect(wishOf(request({ resource: 'orders', account: 'app' }))).toBe('orders as app');
  });
});

describe('what may be asked for', () => {
  const all = [offer('a', { orders: ['app', 'ro'], stock: ['ro'] }), offer('b', { orders: ['admin'] })];

  it('goes by the resource', () => {
    expect(offeredResources(all)).toEqual(['orders', 'stock']);
    expect(offersFor(all, 'stock').map(({ role }) => role)).toEqual(['a']);
    expect(offersFor(all, null)).toHaveLength(2);
    expect(accountsFor(all[0], 'orders')).toEqual(['app', 'ro']);
    expect(accountsFor(undefined, 'orders')).toEqual([]);
  });

  it('is for no longer than the role is given', () => {
    expect(durationsUpTo('4h')).toEqual(['30m', '1h', '2h', '4h']);
    expect(durationsUpTo('1h30m')).toEqual(['30m', '1h', '1h30m']);
    expect(durationsUpTo('45s')).toEqual(['45s']);
    expect(secondsOf('1h30m')).toBe(5400);
    expect(secondsOf('soon')).toBeNaN();
    expect(secondsOf('')).toBeNaN();
  });
});
