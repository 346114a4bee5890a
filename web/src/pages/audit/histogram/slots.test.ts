import { describe, expect, it } from 'vitest';
import type { HistogramView } from '../../../api/audit';
import { partsOf, SERIES, slotsOf, summary, ticksOf, totals } from './slots';

const AT = Date.parse('2026-11-22T10:00:00Z');
const iso = (seconds: number) => new Date(AT + seconds * 1_000).toISOString();

const found = (part: Partial<HistogramView>): HistogramView => ({
  step_seconds: 60,
  total: 0,
  scanned: 0,
  buckets: [],
  from: '',
  to: '',
  ...part,
});

describe('slotsOf', () => {
  it('fills the range that was asked for', () => {
    const slots = slotsOf(found({ from: iso(30), to: iso(300), buckets: [{ start: iso(120), count: 3, by: { write: 2 } }] }), 'class');
    expect(slots.map((slot) => slot.count)).toEqual([0, 0, 3, 0, 0]);
    expect(slots[0]?.start).toBe(AT);
    expect(slots[4]?.end).toBe(AT + 300_000);
    expect(slots[2]?.parts[SERIES.class.indexOf('write')]).toBe(2);
    expect(slots[2]?.parts.at(-1)).toBe(1); // without a class
  });
  it('goes from the first event to the last without bounds', () => {
    const slots = slotsOf(found({ buckets: [{ start: iso(0), count: 1 }, { start: iso(180), count: 2 }] }), 'verdict');
    expect(slots.map((slot) => slot.count)).toEqual([1, 0, 0, 2]);
    expect(totals(slots, 'verdict')).toEqual([0, 0, 3]);
  });
  it('is empty without events and bounds', () => {
    expect(slotsOf(found({}), 'class')).toEqual([]);
    expect(slotsOf(found({ step_seconds: 0, from: iso(0), to: iso(60) }), 'class')).toEqual([]);
  });
  it('is bounded', () => {
    expect(slotsOf(found({ step_seconds: 1, from: iso(0), to: iso(1e6) }), 'class')).toHaveLength(2_000);
  });
  it('takes a value named like a member of every object', () => {
    const slots = slotsOf(found({ buckets: [{ start: iso(0), count: 1, by: { constructor: 1 } }] }), 'class');
    expect(slots[0]?.parts.at(-1)).toBe(1);
  });
});

describe('partsOf', () => {
  const slot = (...parts: number[]) => ({ start: 0, end: 1, count: parts.reduce((a, b) => a + b, 0), parts });
  it('stacks from the bottom', () => {
    expect(partsOf(slot(1, 0, 3), 8)).toEqual([
      { series: 0, y: 87.5, height: 12.5 },
      { series: 2, y: 50, height: 37.5 },
    ]);
  });
  it('shows one among thousands, and stays within the chart', () => {
    const parts = partsOf(slot(10_000, 1, 1), 10_002);
    expect(parts).toHaveLength(3);
    expect(Math.min(...parts.map((part) => part.height))).toBeGreaterThan(2);
    expect(parts.at(-1)?.y).toBeCloseTo(0);
  });
  it('is nothing where there is nothing', () => {
    expect(partsOf(slot(0, 0), 0)).toEqual([]);
    expect(partsOf(slot(0, 0), 5)).toEqual([]);
  });
});

describe('ticksOf', () => {
  const range = (seconds: number) => [{ start: AT + 30_000, end: AT + seconds * 1_000, count: 0, parts: [] }];
  it('are round, and few', () => {
    expect(ticksOf(range(300), 0).map((t) => (t - AT) / 1_000)).toEqual([60, 120, 180, 240]);
    for (const seconds of [31, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9]) {
      expect(ticksOf(range(seconds), 0).length).toBeLessThanOrEqual(8);
      expect(ticksOf(range(seconds), 0).length).toBeGreaterThan(0);
    }
  });
  it('begin days at midnight of the zone', () => {
    const days = ticksOf(range(5 * 86_400), -330);
    expect(days.length).toBeGreaterThan(3);
    for (const t of days) expect(new Date(t).toISOString()).toContain('T18:30');
  });
});

it('summary tells the total and the peak', () => {
  const slots = slotsOf(found({ buckets: [{ start: iso(0), count: 1 }, { start: iso(60), count: 4 }] }), 'class');
  expect(summary(slots, (ms) => String((ms - AT) / 1_000), String)).toBe('5 events from 0 to 120; most from 60: 4');
  expect(summary([], String, String)).toBe('No events');
});
