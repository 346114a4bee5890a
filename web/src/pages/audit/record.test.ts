import { describe, expect, it } from 'vitest';
import type { AuditEvent } from '../../api/types';
import { mergeRows, withArrivals } from './record';

const event = (seq: number, done = false): AuditEvent => ({
  seq,
  id: `e${seq}`,
  time: `2026-01-02T03:04:0${seq}.000000Z`,
  type: 'statement',
  done,
});
const arrived = (...events: AuditEvent[]) => withArrivals(new Map(), events);
const shown = (rows: AuditEvent[]) => rows.map((row) => `${row.id}${row.done ? '!' : ''}`);

describe('mergeRows', () => {
  it('puts new events first, newest on top', () => {
    expect(shown(mergeRows([event(1)], arrived(event(2), event(3))))).toEqual(['e3', 'e2', 'e1']);
  });
  it('shows an event once, with its result', () => {
    expect(shown(mergeRows([event(2), event(1)], arrived(event(2), event(2, true))))).toEqual(['e2!', 'e1']);
  });
  it('keeps a result that the search knew first', () => {
    expect(shown(mergeRows([event(1, true)], arrived(event(1))))).toEqual(['e1!']);
  });
});

describe('withArrivals', () => {
  it('does not lose a result to a late beginning', () => {
    expect([...arrived(event(1, true), event(1)).values()].map((e) => e.done)).toEqual([true]);
  });
  it('keeps a bounded number, the newest', () => {
    const many = Array.from({ length: 2_500 }, (_, i) => ({ ...event(1), id: `n${i}` }));
    const kept = [...arrived(...many).keys()];
    expect(kept).toHaveLength(2_000);
    expect(kept.at(-1)).toBe('n2499');
  });
});
