import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { ended } from './postgres';
import { until } from './until';

export interface SSHServer {
  address: string; // host:port
  account: string;
  key: string; // the private key that opens the account
  keyFile: string; // a client's own private key
  public: string; // and its public half
  stop: () => Promise<void>;
}

// startSSHServer runs OpenSSH's server for the user of this process, and makes a client's key.
export async function startSSHServer(): Promise<SSHServer> {
  const dir = mkdtempSync(join(tmpdir(), 'sally-sshd-'));
  const file = (name: string) => join(dir, name);
  for (const name of ['host', 'account', 'client']) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', file(name)]);
  writeFileSync(file('authorized'), readFileSync(file('account.pub')));
  if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true });
  const port = await freePort();
  const config = [`ListenAddress 127.0.0.1:${port}`, `HostKey ${file('host')}`, `AuthorizedKeysFile ${file('authorized')}`];
  writeFileSync(file('config'), [...config, 'PidFile none', 'StrictModes no', 'UsePAM no', ''].join('\n'));
  const child = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', file('config')], { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  await until('sshd listens', 10_000, () => {
    if (child.exitCode !== null) throw new Error(`sshd ended: ${log.slice(-1000)}`);
    return log.includes('Server listening');
  });
  return {
    address: `127.0.0.1:${port}`,
    account: userInfo().username,
    key: readFileSync(file('account'), 'utf8'),
    keyFile: file('client'),
    public: readFileSync(file('client.pub'), 'utf8'),
    stop: async () => {
      await ended(child, 'SIGTERM');
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
