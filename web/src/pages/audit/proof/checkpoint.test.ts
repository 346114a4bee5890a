import { describe, expect, it } from 'vitest';
import { checkCommand, readCheckpoint } from './checkpoint';

const NOTE = `sallyport/acme
1204
kXx+5Bk0uNOZ6j4=
time 2026-11-22T10:00:01.5Z

— sallyport/acme QWxpY2U=
— witness.example V2l0bmVzcw==
`;

describe('readCheckpoint', () => {
  it('reads a note', () => {
    expect(readCheckpoint(NOTE)).toEqual({
      origin: 'sallyport/acme',
      size: 1204,
      root: 'kXx+5Bk0uNOZ6j4=',
      time: '2026-11-22T10:00:01.5Z',
      signers: ['sallyport/acme', 'witness.example'],
    });
  });
  it('does without a time', () => expect(readCheckpoint(NOTE.replace(/time .*\n/, ''))?.time).toBe(''));
  it('does not take a time that is none', () => expect(readCheckpoint(NOTE.replace(/time .*/, 'time soon'))?.time).toBe(''));
  it.each(['', 'x', 'origin\n', 'origin\nmany\nroot\n', 'origin\n-1\nroot\n', 'origin\n1\n'])('refuses %j', (note) =>
    expect(readCheckpoint(note)).toBeUndefined(),
  );
});

it('a key stays one word of the shell', () => {
  expect(checkCommand('p.json', "a+1+b'c")).toBe("sally audit check p.json --key 'a+1+b'\\''c'");
});
