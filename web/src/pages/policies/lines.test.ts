import { describe, expect, it } from 'vitest';
import { lineStart } from './lines';

describe('lineStart', () => {
  it('finds a line, and keeps within the text', () => {
    const text = 'a\nbcd\n\ne';
    const at = (line: number) => text.slice(...lineStart(text, line));
    expect([1, 2, 3, 4].map(at)).toEqual(['a', 'bcd', '', 'e']);
    expect(lineStart(text, 5)).toEqual([8, 8]);
    expect(lineStart(text, 0)).toEqual([8, 8]);
    expect(lineStart('', 1)).toEqual([0, 0]);
  });
});
