import { describe, expect, it } from 'vitest';
import { isOver, untilOf } from './state';

describe('a grant', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');

  it('is over at its end', () => {
    expect(isOver({ until: '2026-01-01T00:00:00Z' }, now)).toBe(true);
    expect(isOver({ until: '2026-01-01T00:00:01Z' }, now)).toBe(false);
  });

  it('is given for a time that one can read', () => {
    expect(untilOf('30m', now)).toBe('2026-01-01T00:30:00.000Z');
    expect(untilOf(' 1.5 h ', now)).toBe('2026-01-01T01:30:00.000Z');
    expect(untilOf('3d', now)).toBe('2026-01-04T00:00:00.000Z');
    for (const text of ['', '0h', 'soon', '3', '-1h', '99999999999999d']) expect(untilOf(text, now), text).toBeUndefined();
  });
});
