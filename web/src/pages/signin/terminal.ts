import type { Terminal } from '../../api/signin';

// TerminalRequest is what `sally login` put into the address: its terminal, and whether it asks for a passkey.
export interface TerminalRequest {
  terminal: Terminal;
  withPasskey: boolean;
}

// parseTerminal reads the fragment; undefined when it is not one of `sally login`.
export function parseTerminal(hash: string): TerminalRequest | undefined {
  const params = new URLSearchParams(hash.replace(/^#/, ''));
  const [challenge, state, name] = ['challenge', 'state', 'name'].map((key) => params.get(key) ?? '');
  const port = Number(params.get('port'));
  if (!challenge || !state || !name || !Number.isInteger(port) || port < 1 || port > 65535) return undefined;
  return { terminal: { challenge, port, state, name }, withPasskey: params.get('mfa') === '1' };
}

// RECENT is how long ago a passkey may have been used to count for a terminal, in milliseconds.
const RECENT = 5 * 60_000;

export const usedRecently = (mfa: string | undefined, now = Date.now()): boolean =>
  mfa !== undefined && now - Date.parse(mfa) < RECENT;
