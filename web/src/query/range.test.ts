import { describe, expect, it } from 'vitest';
import { autoStep, fromLocalInput, instant, isBound, localInput, rangeLabel, wider } from './range';

const now = Date.parse('2026-03-01T12:00:00Z');

describe('instant', () => {
  it.each([
    ['-15m', '2026-03-01T11:45:00.000Z'],
    ['-24h', '2026-02-28T12:00:00.000Z'],
    ['-7d', '2026-02-22T12:00:00.000Z'],
    ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05.000Z'],
    ['2026-01-02T03:04:05+01:00', '2026-01-02T02:04:05.000Z'],
  ])('%s', (bound, want) => expect(instant(bound, now)).toBe(want));

  it.each(['', 'yesterday', '-1w', '-m', '1h', '-99999999m'])('%j bounds nothing', (bound) => {
    expect(instant(bound, now)).toBeUndefined();
    expect(isBound(bound)).toBe(false);
  });
});

it('a local input keeps its time to the second', () => {
  expect(fromLocalInput(localInput('2026-01-02T03:04:05.000Z'))).toBe('2026-01-02T03:04:05.000Z');
  expect(fromLocalInput('')).toBe('');
  expect(fromLocalInput('2026-01-')).toBe('');
});

describe('rangeLabel', () => {
  it('names presets', () => {
    expect(rangeLabel('', '')).toBe('Any time');
    expect(rangeLabel('-1h', '')).toBe('Last hour');
  });
  it('names open ends', () => {
    expect(rangeLabel('-2h', '')).toBe('Since 2h ago');
    expect(rangeLabel('', '2026-01-02T03:04:05Z')).toMatch(/^Until 2026-01-0\d \d\d:\d\d:05$/);
  });
});

it.each([
  [60, 1],
  [15 * 60, 10],
  [3_600, 60],
  [86_400, 1_800],
  [7 * 86_400, 10_800],
  [30 * 86_400, 43_200],
  [3_650 * 86_400, 0],
  [0, 1],
])('autoStep of %d s is %d s', (seconds, step) => {
  const got = autoStep(now, now + seconds * 1_000);
  expect(seconds / got).toBeLessThanOrEqual(100);
  if (seconds < 1e8) expect(got).toBe(step);
});

describe('wider', () => {
  it('doubles around the middle', () => {
    expect(wider(now - 20_000, now - 10_000, now)).toEqual({ from: '2026-03-01T11:59:35.000Z', to: '2026-03-01T11:59:55.000Z' });
  });
  it('has no end where it reaches now', () => {
    expect(wider(now - 10_000, now, now)).toEqual({ from: '2026-03-01T11:59:45.000Z', to: undefined });
  });
});
