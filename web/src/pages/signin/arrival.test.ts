import { expect, test } from 'vitest';
import { isOwnPath, linkSecret, reasonOf, validateSignInSearch } from './arrival';

test('only paths of our own are returned to', () => {
  for (const path of ['/', '/audit', '/audit?q=user%3Aalice#x', '/sign-in/terminal#challenge=a&port=1']) {
    expect(isOwnPath(path), path).toBe(true);
  }
  for (const path of ['', 'audit', '//evil.com', '/\\evil.com', 'https://evil.com', '/\t/evil.com', '/\n/evil.com', 'javascript:alert(1)']) {
    expect(isOwnPath(path), path).toBe(false);
    expect(validateSignInSearch({ return_to: path })).toEqual({});
  }
  expect(validateSignInSearch({ return_to: 7, error: 'stale' })).toEqual({ error: 'stale' });
});

test('a secret is found in a whole link, and alone', () => {
  expect(linkSecret(' https://sally.acme.com/sign-in#abc \n')).toBe('abc');
  expect(linkSecret('abc')).toBe('abc');
});

test('every reason is a sentence, known or not', () => {
  for (const error of ['refused', 'suspended', 'something new']) expect(reasonOf(error)).toMatch(/^[A-Z].*\.$/);
});
