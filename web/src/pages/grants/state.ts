import type { Grant } from '../../api/types';

export const isOver = ({ until }: Pick<Grant, 'until'>, now = Date.now()): boolean => Date.parse(until) <= now;

// UNITS are seconds.
const UNITS = { m: 60, h: 3600, d: 86_400 } as const;

// untilOf is the moment a grant ends that is given for "30m", "2h" or "3d" from now on; undefined if it says no time.
export function untilOf(text: string, now = Date.now()): string | undefined {
  const parts = /^\s*(\d+(?:\.\d+)?)\s*([mhd])\s*$/.exec(text);
  if (!parts) return undefined;
  const seconds = Number(parts[1]) * UNITS[parts[2] as keyof typeof UNITS];
  const until = new Date(now + seconds * 1000);
  return seconds > 0 && !Number.isNaN(until.getTime()) ? until.toISOString() : undefined;
}
