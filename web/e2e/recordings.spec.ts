import { spawn } from 'node:child_process';
import { api } from './sally';
import { type SSHServer, startSSHServer } from './sshd';
import { until } from './until';
import { expect, test, type World } from './world';

let server: SSHServer;

// A service account with a key may open a shell at a real server.
async function furnish(world: World): Promise<void> {
  const call = (method: string, path: string, body: unknown) => api(world.socket, method, path, body);
  await call('POST', '/credentials', { name: 'shell-login', source: 'sealed' });
  await call('PUT', '/credentials/shell-login/secret', { key: server.key });
  await call('POST', '/resources', { name: 'shell-1', protocol: 'ssh', address: server.address, accounts: { [server.account]: 'shell-login' } });
  await call('POST', '/roles', { name: 'operator', resources: ['shell-1'], accounts: [server.account] });
  await call('POST', '/users', { name: 'deployer', kind: 'service_account', roles: ['operator'] });
  await call('POST', '/ssh-keys', { user: 'deployer', name: 'e2e', public: server.public });
}

// shell opens a shell through Sallyport, in a terminal.
function shell(world: World) {
  const [host, port] = world.ssh.split(':');
  const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'IdentitiesOnly=yes'].flatMap((o) => ['-o', o]);
  const child = spawn('ssh', ['-F', 'none', '-tt', '-i', server.keyFile, '-p', `${port}`, ...options, `deployer#shell-1@${host}`]);
  let shown = '';
  child.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (shown += chunk.toString()));
  const sees = (text: string) => until(`the terminal shows ${text}, not ${shown}`, 15_000, () => shown.includes(text));
  return { child, sees, types: (text: string) => child.stdin.write(text) };
}

test.beforeAll(async ({ world }) => {
  server = await startSSHServer();
  await furnish(world);
});
test.afterAll(() => server.stop());

test('a shell is watched while it is open, then replayed and searched', async ({ admin, world }) => {
  const broken: string[] = [];
  admin.on('console', (message) => message.type() === 'error' && broken.push(message.text()));
  const open = shell(world);
  try {
    open.types("PS1='ready> '; echo first-$((40+2))\n");
    await open.sees('first-42');

    await admin.goto(`${world.web}/sessions`);
    await admin.getByRole('link', { name: /Watch the terminal of deployer/ }).click();
    const live = admin.getByRole('region', { name: 'The open terminal' });
    await expect(live).toContainText('first-42');
    open.types('echo second-$((40+3))\n');
    await open.sees('second-43');
    await expect(live).toContainText('second-43');
    await expect(admin.getByRole('heading', { name: `deployer at shell-1 as ${server.account}` })).toBeVisible();
    await admin.getByRole('button', { name: 'Kill the session of deployer on shell-1' }).click();
    await admin.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    open.types('exit\n');
    await until('the shell ends', 10_000, () => open.child.exitCode !== null);
  } finally {
    open.child.kill();
  }

  await admin.goto(`${world.web}/audit?q=${encodeURIComponent('recording:yes user:deployer')}`);
  await admin.getByRole('grid').getByRole('row').filter({ hasText: 'shell' }).first().click();
  await admin.getByRole('link', { name: 'Replay what the terminal showed' }).click();
  const player = admin.getByRole('region', { name: 'The recording' });
  const statement = new URL(admin.url()).searchParams.get('statement');
  await expect(player).toBeVisible();
  await admin.getByRole('textbox', { name: 'Find on the screen' }).fill('SECOND-43');
  await admin.keyboard.press('Enter');
  const found = admin.getByRole('list', { name: 'Found' }).getByRole('button');
  await expect(found).toHaveCount(1);
  await expect(found).toContainText('second-43');
  await found.click();
  await expect(player).toContainText('first-42');
  await expect(player).toContainText('second-43');
  expect(broken).toEqual([]);

  const acts = await api<{ rows: { action: string }[] }>(world.socket, 'GET', `/audit/events?q=${encodeURIComponent(`action:recordings.* target:${statement}`)}`);
  expect(acts.rows.map((row) => row.action).toSorted()).toEqual(['recordings.read', 'recordings.search', 'recordings.watch']);
});

test('the shell that showed a text is found among all recordings, and the player begins at that moment', async ({ admin, world }) => {
  const open = shell(world);
  try {
    open.types("PS1='ready> '; echo before-$((20+2))\n");
    await open.sees('before-22');
    open.types('sleep 1; echo needle-$((50+5)); sleep 1\n');
    await open.sees('needle-55');
    open.types('echo after-$((60+6)); exit\n');
    await until('the shell ends', 15_000, () => open.child.exitCode !== null);
  } finally {
    open.child.kill();
  }

  await admin.getByRole('link', { name: 'Recordings' }).click();
  await admin.getByRole('textbox', { name: 'Server' }).fill('shell-1');
  const text = admin.getByRole('textbox', { name: 'Shown in the terminal' });
  await text.fill('never-shown-anywhere');
  await text.press('Enter');
  await expect(admin.getByRole('heading', { name: 'No recording showed this' })).toBeVisible();

  await text.fill('NEEDLE-55');
  await text.press('Enter');
  const shown = admin.getByRole('region', { name: 'Recordings' });
  await expect(shown.getByRole('row').filter({ hasText: 'deployer' })).toContainText('shell');
  const moment = admin.getByRole('list', { name: 'Shown to deployer at shell-1' }).getByRole('link');
  await expect(moment).toHaveCount(1);
  await expect(moment).toContainText('needle-55');
  await admin.getByRole('button', { name: 'Search', exact: true }).focus();
  await admin.keyboard.press('j'); // the recording
  await admin.keyboard.press('j'); // the moment
  await expect(moment).toBeFocused();
  await admin.keyboard.press('Enter');

  await expect(admin).toHaveURL(/\/recordings\/.*at=\d/);
  const player = admin.getByRole('region', { name: 'The recording' });
  await expect(player).toContainText('before-22');
  await expect(player).toContainText('needle-55');
  await expect(player).not.toContainText('after-66');
  await expect(admin.getByRole('list', { name: 'Found' }).getByRole('button')).toContainText('needle-55');
});

test('the host key that was learned of a server is shown with its session, and forgotten', async ({ admin, world }) => {
  const open = shell(world);
  open.types('exit\n');
  await until('the shell ends', 15_000, () => open.child.exitCode !== null);

  await admin.goto(`${world.web}/resources`);
  const row = admin.getByRole('row').filter({ hasText: 'shell-1' });
  await row.getByRole('button', { name: 'Host keys of shell-1' }).click();
  const keys = admin.getByRole('dialog', { name: 'Host keys of shell-1' });
  await expect(keys.getByRole('row').filter({ hasText: 'SHA256:' })).toContainText('Learned by');
  await expect(keys.getByRole('link', { name: 'The session that saw it' })).toBeVisible();
  await keys.getByRole('button', { name: /Forget the host key SHA256:/ }).click();
  await admin.getByRole('dialog', { name: /Forget the host key/ }).getByRole('button', { name: 'Forget' }).click();
  await expect(row).toContainText('Pins the first key that it shows');
  const kept = await api<{ ssh?: { host_keys?: string[] } }>(world.socket, 'GET', '/resources/shell-1');
  expect(kept.ssh?.host_keys ?? []).toEqual([]);
});
