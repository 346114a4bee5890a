// wrongKey says why what somebody pasted must not even be sent; undefined when the server may look at it.
export function wrongKey(text: string): string | undefined {
  if (text.includes('PRIVATE KEY')) return 'This is a private key, which must stay where it is. The public one is in the file that ends in .pub.';
  if (text.trim().includes('\n')) return 'This is more than one line. Give one key.';
  return undefined;
}

// commentOf is what stands behind a public key: most often whose it is, and where.
export const commentOf = (text: string): string => text.trim().split(/\s+/).slice(2).join(' ');
