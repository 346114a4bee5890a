import { describe, expect, it } from 'vitest';
import type { Receipt } from '../../api/types';
import { cutsOf, withinText } from './receipt';

const cut = (session: string, at: string) => ({ session, at, user: 'bob', resource: 'orders', account: 'app', gateway: 'g', reason: 'suspended' });

const receipt = (...gateways: ReturnType<typeof cut>[][]) =>
  ({
    refused_from: '2026-01-01T00:00:00.100Z',
    gateways: gateways.map((sessions, i) => ({ name: `g${i}`, state: 'confirmed', sessions })),
  }) as unknown as Receipt;

describe('a receipt', () => {
  it('lists cuts of all gateways in their order, and says how long it took', () => {
    const r = receipt([cut('b', '2026-01-01T00:00:00.150Z')], [], [cut('a', '2026-01-01T00:00:00.120Z')]);
    expect(cutsOf(r).map(({ session }) => session)).toEqual(['a', 'b']);
    expect(withinText(r)).toBe(' within 50 ms');
  });

  it('claims no time where there is none to claim', () => {
    expect(withinText(receipt([]))).toBe('');
    expect(withinText(receipt([cut('a', '2025-12-31T23:59:59Z')]))).toBe('');
  });
});
