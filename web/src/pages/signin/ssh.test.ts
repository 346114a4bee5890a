import { expect, test } from 'vitest';
import { parseSSHSignIn } from './ssh';

test("a sign-in's secret is read from the fragment", () => {
  expect(parseSSHSignIn('#abcdefghijklmnopqrstuvwx23')).toBe('abcdefghijklmnopqrstuvwx23');
  expect(parseSSHSignIn('abcdefghijklmnopqrstuvwx23')).toBe('abcdefghijklmnopqrstuvwx23');
});

test('what is not whole is no secret', () => {
  for (const hash of ['', '#', '#short', '#ABCDEFGHIJKLMNOPQRSTUVWX23', '#abcdefghijklmnop qrstuvwx23', '#' + 'a'.repeat(100)]) {
    expect(parseSSHSignIn(hash), hash).toBeUndefined();
  }
});
