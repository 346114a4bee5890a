import { describe, expect, it } from 'vitest';
import { fromLocalInput, instant, isBound, localInput, rangeLabel } from './range';

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
