import { expect, test } from 'vitest';
import { parseTerminal, usedRecently } from './terminal';

test("a terminal's request is read from the fragment", () => {
  expect(parseTerminal('#challenge=c&port=12345&state=s&name=alices-laptop&mfa=1')).toEqual({
    terminal: { challenge: 'c', port: 12345, state: 's', name: 'alices-laptop' },
    withPasskey: true,
  });
  expect(parseTerminal('challenge=c&port=1&state=s&name=a%20b')?.terminal.name).toBe('a b');
});

test('what is not whole is no request', () => {
  for (const hash of ['', '#', '#challenge=c&state=s&name=n', '#challenge=c&port=0&state=s&name=n', '#challenge=c&port=70000&state=s&name=n', '#port=1&state=s&name=n']) {
    expect(parseTerminal(hash), hash).toBeUndefined();
  }
});

test('a passkey counts for five minutes', () => {
  const now = Date.parse('2026-01-01T12:00:00Z');
  expect(usedRecently('2026-01-01T11:56:00Z', now)).toBe(true);
  expect(usedRecently('2026-01-01T11:54:00Z', now)).toBe(false);
  expect(usedRecently(undefined, now)).toBe(false);
});
