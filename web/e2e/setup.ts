import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Postgres, startPostgres } from './postgres';
import { api, type Sally, startSally } from './sally';
import { runSql, type World } from './world';

// setup starts a PostgreSQL and a Sallyport before it, with some people, and leaves a little on the record.
export default async function setup(): Promise<() => Promise<void>> {
  const bin = process.env.SALLY_BIN;
  if (!bin) throw new Error('say which sally to test: SALLY_BIN=../bin/sally npm run e2e');
  const dir = mkdtempSync(join(tmpdir(), 'sally-e2e-'));
  chmodSync(dir, 0o755); // PostgreSQL's own user must reach its part

  let postgres: Postgres | undefined;
  let sally: Sally | undefined;
  const stop = async () => {
    await sally?.stop();
    await postgres?.stop();
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    postgres = await startPostgres(dir);
    sally = await startSally(bin, join(dir, 'data'));
    const world = await furnish(sally, postgres);
    process.env.E2E_WORLD = JSON.stringify(world);
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
}

async function furnish(sally: Sally, postgres: Postgres): Promise<World> {
  const call = (method: string, path: string, body: unknown) => api<{ token: string }>(sally.socket, method, path, body);
  await call('POST', '/credentials', { name: 'orders-app', source: 'sealed', username: 'postgres' });
  await call('PUT', '/credentials/orders-app/secret', { password: 'unused: this store trusts' });
  await call('POST', '/resources', {
    name: 'orders',
    protocol: 'postgres',
    address: postgres.address,
    database: 'postgres',
    ssl_mode: 'disable',
    labels: { env: 'test' },
    accounts: { postgres: 'orders-app' },
  });
  await call('POST', '/roles', { name: 'engineer', resources: ['orders'], accounts: ['postgres'] });
  const tokens: Record<string, string> = {};
  for (const name of ['alice@acme.com', 'bob@acme.com', 'carol@acme.com']) {
    await call('POST', '/users', { name, roles: ['engineer'] });
    tokens[name] = (await call('POST', '/tokens', { user: name })).token;
  }
  const { web, socket, firstLink, postgres: entrance, ssh } = sally;
  const world: World = { web, socket, firstLink, entrance, ssh, tokens };

  await runSql(world, 'alice@acme.com', 'create table refunds (id int primary key, reason text)');
  await runSql(world, 'alice@acme.com', "insert into refunds values (1, 'parcel lost'), (2, 'broken')");
  await runSql(world, 'bob@acme.com', "select id, reason from refunds where reason like 'parcel%' order by id");
  await runSql(world, 'bob@acme.com', 'select * from no_such_table').catch(() => undefined); // an error, on the record
  return world;
}
