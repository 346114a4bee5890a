import { expect, test } from 'vitest';
import { fromBase64url, sentenceOf, toBase64url } from './passkeys';

test('base64url there and back, without padding', () => {
  for (const bytes of [[], [0], [255, 254], [251, 239, 190], [...Array(256).keys()]]) {
    const text = toBase64url(Uint8Array.from(bytes).buffer);
    expect(text).toMatch(/^[A-Za-z0-9_-]*$/);
    expect([...fromBase64url(text ?? '')]).toEqual(bytes);
  }
  expect(toBase64url(Uint8Array.from([251, 239, 190]).buffer)).toBe('----');
  expect(toBase64url(null)).toBeUndefined();
});

test('an error that nobody knows reads as a cancellation', () => {
  const named = (name: string) => Object.assign(new Error('internal'), { name });
  expect(sentenceOf(named('InvalidStateError'))).toContain('already');
  expect(sentenceOf(named('SecurityError'))).toContain('address');
  expect(sentenceOf(named('NotAllowedError'))).toContain('cancelled');
  expect(sentenceOf('what?')).toContain('cancelled');
});
