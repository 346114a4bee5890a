import { left, localTime } from '../format/time';
import { useNow } from './useNow';

// Countdown is how long it is until a time, or that it is past.
export function Countdown({ until, past }: { until: string; past: string }) {
  const remaining = left(until, useNow());
  return <time dateTime={until} title={localTime(until)}>{remaining ? `${remaining} left` : past}</time>;
}
