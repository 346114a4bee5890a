import type { HistogramView } from '../../../api/audit';

// SERIES are what a bar is made of, from the bottom up; the last, empty one is for events without a value.
export const SERIES = {
  class: ['read', 'session', 'transaction', 'prepare', 'other', 'write', 'ddl', 'admin', ''],
  verdict: ['allow', 'deny', ''],
} as const;

export type Split = keyof typeof SERIES;

export const seriesLabel = (name: string, split: Split): string => name || `no ${split}`;

// Slot is one step of the range, with or without events. start and end are milliseconds since the epoch.
export interface Slot {
  start: number;
  end: number;
  count: number;
  // parts are the counts by series, in the order of SERIES.
  parts: number[];
}

// MAX_SLOTS bounds what is drawn, like the server's bound on buckets.
const MAX_SLOTS = 2_000;

// slotsOf lays a histogram's buckets over its whole range, gaps included. The range is the one that was asked for, as
// far as that had bounds, and else from the first event to the last.
export function slotsOf(found: HistogramView, split: Split): Slot[] {
  const step = found.step_seconds * 1_000;
  if (!(step > 0)) return [];
  const first = found.buckets[0];
  const last = found.buckets.at(-1);
  const floor = (ms: number) => Math.floor(ms / step) * step;
  const start = found.from ? floor(Date.parse(found.from)) : first ? Date.parse(first.start) : NaN;
  const end = found.to ? Date.parse(found.to) : last ? Date.parse(last.start) + step : NaN;
  const size = Math.min(Math.ceil((end - start) / step), MAX_SLOTS);
  if (!(size > 0)) return [];

  const names = SERIES[split];
  const slots: Slot[] = Array.from({ length: size }, (_, i) => ({
    start: start + i * step,
    end: start + (i + 1) * step,
    count: 0,
    parts: names.map(() => 0),
  }));
  for (const bucket of found.buckets) {
    const slot = slots[Math.round((Date.parse(bucket.start) - start) / step)];
    if (!slot) continue;
    const by = new Map(Object.entries(bucket.by ?? {}));
    slot.count = bucket.count;
    slot.parts = names.map((name) => by.get(name) ?? 0);
    const known = slot.parts.reduce((sum, n) => sum + n, 0);
    slot.parts[names.length - 1] = Math.max(0, bucket.count - known);
  }
  return slots;
}

// totals sums each series over all slots.
export function totals(slots: Slot[], split: Split): number[] {
  return SERIES[split].map((_, i) => slots.reduce((sum, slot) => sum + (slot.parts[i] ?? 0), 0));
}

// MIN_PART is the least height of a part that is not empty, in percent, so that a single event can be seen.
const MIN_PART = 2.5;

export interface Part {
  series: number;
  // y and height are percent of the chart's height, from its top.
  y: number;
  height: number;
}

// partsOf stacks a slot's series, where max is the largest slot's count.
export function partsOf(slot: Slot, max: number): Part[] {
  if (max <= 0) return [];
  const heights = slot.parts.map((n) => (n > 0 ? Math.max((n / max) * 100, MIN_PART) : 0));
  const sum = heights.reduce((a, b) => a + b, 0);
  const scale = sum > 100 ? 100 / sum : 1;
  const parts: Part[] = [];
  let top = 100;
  heights.forEach((height, series) => {
    if (height === 0) return;
    top -= height * scale;
    parts.push({ series, y: top, height: height * scale });
  });
  return parts;
}

const TICK_STEPS = [1, 5, 10, 15, 30, 60, 300, 600, 900, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 1_209_600, 2_592_000, 7_776_000];
const MAX_TICKS = 7;

// ticksOf are round times of the reader's zone within the slots, at most seven, in milliseconds; offset is the zone's
// distance to UTC in minutes, as Date.getTimezoneOffset gives it.
export function ticksOf(slots: Slot[], offset: number): number[] {
  const start = slots[0]?.start ?? 0;
  const end = slots.at(-1)?.end ?? 0;
  if (end <= start) return [];
  const seconds = (end - start) / 1_000;
  const step = (TICK_STEPS.find((s) => seconds / s <= MAX_TICKS) ?? Math.ceil(seconds / MAX_TICKS)) * 1_000;
  const shift = offset * 60_000;
  const ticks: number[] = [];
  for (let t = Math.ceil((start - shift) / step) * step + shift; t < end; t += step) ticks.push(t);
  return ticks;
}

// summary says in a sentence what the chart shows.
export function summary(slots: Slot[], time: (ms: number) => string, count: (n: number) => string): string {
  const first = slots[0];
  const last = slots.at(-1);
  if (!first || !last) return 'No events';
  const total = slots.reduce((sum, slot) => sum + slot.count, 0);
  const busiest = slots.reduce((a, b) => (b.count > a.count ? b : a), first);
  return `${count(total)} events from ${time(first.start)} to ${time(last.end)}; most from ${time(busiest.start)}: ${count(busiest.count)}`;
}
