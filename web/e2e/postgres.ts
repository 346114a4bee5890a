import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chownSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { until } from './until';

const HOME = '/usr/lib/postgresql';

export interface Postgres {
  address: string; // host:port
  stop: () => Promise<void>;
}

// startPostgres runs a private PostgreSQL below dir, trusting whoever connects from this machine. As root it runs as
// the user postgres, for it refuses to run as root.
export async function startPostgres(dir: string): Promise<Postgres> {
  const bin = newest();
  const data = join(dir, 'postgres');
  mkdirSync(data);
  const owner = process.getuid?.() === 0 ? ownerOf('postgres') : undefined;
  if (owner) chownSync(data, owner.uid, owner.gid);
  execFileSync(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync'], {
    ...owner,
    cwd: data,
    stdio: 'pipe',
  });

  const port = await freePort();
  const args = ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', '', '-F'];
  const child = spawn(join(bin, 'postgres'), args, { ...owner, cwd: data, stdio: 'ignore' });
  await until('PostgreSQL answers', 30_000, () => {
    if (child.exitCode !== null) throw new Error(`postgres ended with code ${child.exitCode}`);
    return readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[7]?.trim() === 'ready';
  });
  return { address: `127.0.0.1:${port}`, stop: () => ended(child, 'SIGINT') };
}

function newest(): string {
  const versions = readdirSync(HOME).sort((a, b) => Number(b) - Number(a));
  if (!versions[0]) throw new Error(`no PostgreSQL in ${HOME}; install it with: apt-get install postgresql`);
  return join(HOME, versions[0], 'bin');
}

function ownerOf(name: string): { uid: number; gid: number } {
  const id = (flag: string) => Number(execFileSync('id', [flag, name], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

// freePort is a port that was free a moment ago: PostgreSQL cannot choose one itself.
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port'))));
    });
  });
}

// ended signals a process and waits for its end.
export function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill(signal);
  });
}
