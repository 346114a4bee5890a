import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { ended } from './postgres';
import { until } from './until';

export interface Sally {
  web: string; // http://host:port
  postgres: string; // host:port of the native entrance
  ssh: string; // the same for SSH
  socket: string; // of the local API
  firstLink: string; // the first admin's sign-in link, as printed
  stop: () => Promise<void>;
}

// startSally runs `sally server` with an empty data directory and waits until it has printed its sign-in link.
export async function startSally(bin: string, dataDir: string): Promise<Sally> {
  const listen = ['web', 'tunnel', 'postgres', 'mysql', 'redis', 'ssh'].flatMap((name) => [`--listen-${name}`, '127.0.0.1:0']);
  const child = spawn(bin, ['server', '--data-dir', dataDir, ...listen], { stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  let log = '';
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));

  const addresses = { web: '', postgres: '', ssh: '' };
  let firstLink = '';
  await until('sally server is ready', 30_000, () => {
    if (child.exitCode !== null) throw new Error(`it ended with code ${child.exitCode}: ${log.slice(-2000)}`);
    Object.assign(addresses, JSON.parse(readFileSync(join(dataDir, 'addresses.json'), 'utf8')));
    firstLink = /\S+\/sign-in#\S+/.exec(printed)?.[0] ?? '';
    return addresses.web !== '' && addresses.postgres !== '' && firstLink !== '';
  });
  return {
    web: new URL(firstLink).origin,
    postgres: addresses.postgres,
    ssh: addresses.ssh,
    socket: join(dataDir, 'admin.sock'),
    firstLink,
    stop: () => ended(child, 'SIGTERM'),
  };
}

// api calls the server's API over its local socket, as an admin on the machine.
export function api<T>(socket: string, method: string, path: string, body?: unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': 'application/json', 'X-Sallyport': '1', Host: 'localhost' };
    const call = request({ socketPath: socket, method, path: `/api/v1${path}`, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        const status = response.statusCode ?? 0;
        if (status >= 300) reject(new Error(`${method} ${path}: ${status} ${text}`));
        else resolve((text ? JSON.parse(text) : undefined) as T);
      });
    });
    call.on('error', reject);
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
