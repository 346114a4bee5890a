// A time range in a page's URL: from is a time (RFC 3339) or a distance to now such as -15m; to is a time.
// A distance stays one in the URL, so that a saved link always means "the last 15 minutes".

export const PRESETS = [
  { from: '', label: 'Any time' },
  { from: '-15m', label: 'Last 15 minutes' },
  { from: '-1h', label: 'Last hour' },
  { from: '-6h', label: 'Last 6 hours' },
  { from: '-24h', label: 'Last 24 hours' },
  { from: '-7d', label: 'Last 7 days' },
  { from: '-30d', label: 'Last 30 days' },
] as const;

const DISTANCE = /^-(\d{1,6})([mhd])$/;
const UNIT_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

// instant is the time that a bound stands for now, in RFC 3339; undefined when it bounds nothing.
export function instant(bound: string, now = Date.now()): string | undefined {
  if (!bound) return undefined;
  const distance = DISTANCE.exec(bound);
  if (distance) {
    const unit = distance[2] as keyof typeof UNIT_MS;
    return new Date(now - Number(distance[1]) * UNIT_MS[unit]).toISOString();
  }
  return parseTime(bound);
}

// Date.parse takes more than times; only what begins with a whole date and time is one here.
function parseTime(text: string): string | undefined {
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
}

// isBound says whether a URL's parameter is a bound that instant understands.
export const isBound = (bound: string): boolean => instant(bound) !== undefined;

// rangeLabel names a range in a few words, times in the reader's own zone.
export function rangeLabel(from: string, to: string): string {
  const preset = PRESETS.find((p) => p.from === from);
  if (preset && !to) return preset.label;
  const start = boundLabel(from);
  const end = boundLabel(to);
  if (start && end) return `${start} – ${end}`;
  return start ? `Since ${start}` : `Until ${end}`;
}

function boundLabel(bound: string): string {
  if (!bound) return '';
  if (DISTANCE.test(bound)) return `${bound.slice(1)} ago`;
  return localInput(bound).replace('T', ' ');
}

// localInput is a bound as <input type="datetime-local"> holds it: the reader's zone, to the second.
export function localInput(bound: string): string {
  const iso = instant(bound);
  if (!iso) return '';
  const t = new Date(iso);
  const two = (n: number) => String(n).padStart(2, '0');
  const day = `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())}`;
  return `${day}T${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`;
}

// fromLocalInput is its inverse: RFC 3339 in UTC; empty for an empty or unfinished input.
export const fromLocalInput = (value: string): string => parseTime(value) ?? '';

// ROUND_STEPS are the widths of a histogram's buckets, in seconds.
const ROUND_STEPS = [1, 5, 10, 30, 60, 300, 600, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400, 604_800];
const WANTED_BUCKETS = 100;

// autoStep is the width of a histogram's buckets over a range given in milliseconds, in seconds: the smallest round one
// with no more than a hundred of them.
export function autoStep(from: number, to: number): number {
  const seconds = Math.max(0, to - from) / 1_000;
  const week = 604_800;
  return ROUND_STEPS.find((step) => seconds / step < WANTED_BUCKETS) ?? Math.ceil(seconds / WANTED_BUCKETS / week) * week;
}

// wider is a range of twice the width around the same middle; one that reaches now has no end.
export function wider(start: number, end: number, now = Date.now()): { from: string; to: string | undefined } {
  const half = Math.max(end - start, 1_000) / 2;
  const to = end + half;
  const rounded = (ms: number) => new Date(Math.round(ms / 1_000) * 1_000).toISOString();
  return { from: rounded(start - half), to: to >= now ? undefined : rounded(to) };
}
