// parseSSHSignIn reads the secret of a sign-in by SSH from the fragment; undefined when it is not one.
export function parseSSHSignIn(hash: string): string | undefined {
  const secret = hash.replace(/^#/, '');
  return /^[a-z2-7]{20,60}$/.test(secret) ? secret : undefined;
}
