import { expect, test } from 'vitest';
import { commentOf, wrongKey } from './publicKey';

test('a private key is not sent', () => {
  expect(wrongKey('-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz')).toContain('private key');
  expect(wrongKey('ssh-ed25519 AAAA a\nssh-ed25519 BBBB b')).toContain('more than one line');
  expect(wrongKey('ssh-ed25519 AAAA alice@laptop\n')).toBeUndefined();
});

test("a key's comment is its name", () => {
  expect(commentOf('ssh-ed25519 AAAA alice@laptop\n')).toBe('alice@laptop');
  expect(commentOf('ssh-ed25519 AAAA my  key')).toBe('my key');
  expect(commentOf('ssh-ed25519 AAAA')).toBe('');
});
