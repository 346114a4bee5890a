import { count, plural } from '../../../format/amount';
import { shortTime } from '../../../format/time';
import { SERIES, seriesLabel, type Slot, type Split } from './slots';

const DAY_MS = 86_400_000;

const short = (ms: number) => shortTime(new Date(ms).toISOString());

// axisTime is a tick's label: a time of day, or the day where a range spans several.
export function axisTime(ms: number, span: number): string {
  const [month, day, clock] = short(ms).split(' ').slice(-3);
  const minute = clock?.slice(0, 5) ?? '';
  if (span > 2 * DAY_MS) return minute === '00:00' ? `${month} ${day}` : `${month} ${day} ${minute}`;
  return span < 10 * 60_000 ? (clock?.slice(0, 8) ?? '') : minute;
}

// spanLabel names a span of time in the reader's zone: "Nov 22 10:00:00 – 10:05:00".
export function spanLabel(start: number, end: number): string {
  const from = short(start).slice(0, -4);
  const to = short(end).slice(0, -4);
  const day = from.slice(0, -8);
  return `${from} – ${to.startsWith(day) ? to.slice(day.length) : to}`;
}

// slotLabel says all of one slot, or of several that are marked.
export function slotLabel(slots: Slot[], split: Split): string {
  const first = slots[0];
  const last = slots.at(-1);
  if (!first || !last) return '';
  const sum = slots.reduce((n, slot) => n + slot.count, 0);
  const parts = partCounts(slots, split).map(({ name, n }) => `${seriesLabel(name, split)} ${count(n)}`);
  return `${spanLabel(first.start, last.end)}: ${plural(sum, 'event')}${parts.length ? `; ${parts.join(', ')}` : ''}`;
}

// partCounts are the series of slots that are not empty, the top of a bar first.
export function partCounts(slots: Slot[], split: Split): { name: string; n: number }[] {
  return SERIES[split]
    .map((name, i) => ({ name, n: slots.reduce((sum, slot) => sum + (slot.parts[i] ?? 0), 0) }))
    .filter(({ n }) => n > 0)
    .reverse();
}
