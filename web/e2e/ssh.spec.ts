import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { api } from './sally';
import { until } from './until';
import { expect, signInLink, test } from './world';

// publicKey makes a key and gives its public half as in id_ed25519.pub (RFC 4253, section 6.6).
function publicKey(comment: string): string {
  const { publicKey } = generateKeyPairSync('ed25519');
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
  const part = (bytes: Buffer) => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]);
  return `ssh-ed25519 ${Buffer.concat([part(Buffer.from('ssh-ed25519')), part(raw)]).toString('base64')} ${comment}`;
}

test('an SSH key is added, shown and removed, and a private one never leaves the page', async ({ page, world }) => {
  await page.goto(await signInLink(world));
  await expect(page).toHaveURL(/\/audit/);
  await page.goto(`${world.web}/account`);
  await page.getByRole('button', { name: 'Add an SSH key' }).click();
  const dialog = page.getByRole('dialog');
  const sent: string[] = [];
  page.on('request', (request) => request.method() === 'POST' && sent.push(request.url()));
  await dialog.getByRole('textbox', { name: 'Public key' }).fill('-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA');
  await dialog.getByRole('button', { name: 'Add it' }).click();
  await expect(dialog.getByText('This is a private key')).toBeVisible();
  expect(sent).toEqual([]);

  const key = publicKey('alice@laptop');
  await dialog.getByRole('textbox', { name: 'Public key' }).fill('ssh-ed25519 hello');
  await dialog.getByRole('button', { name: 'Add it' }).click();
  await expect(dialog.getByText('no public key')).toBeVisible();
  await dialog.getByRole('textbox', { name: 'Public key' }).fill(key);
  await dialog.getByRole('button', { name: 'Add it' }).click();
  await expect(dialog).toBeHidden();
  const row = page.getByRole('row').filter({ hasText: 'alice@laptop' });
  await expect(row).toContainText('SHA256:');

  const kept = await api<{ items: { user: string; public: string }[] }>(world.socket, 'GET', '/ssh-keys');
  expect(kept.items.filter((k) => k.user === 'admin')).toEqual([expect.objectContaining({ user: 'admin', public: key.split(' ').slice(0, 2).join(' ') })]);

  await row.getByRole('button', { name: 'Remove the SSH key alice@laptop' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await expect(row).toHaveCount(0);
});

test("a connection of OpenSSH's is signed in by the page whose link it shows", async ({ page, world }) => {
  const [host, port] = world.ssh.split(':');
  const options = ['PreferredAuthentications=keyboard-interactive', 'StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null'];
  const client = spawn('ssh', ['-F', 'none', '-p', `${port}`, ...options.flatMap((o) => ['-o', o]), `alice@acme.com#no-server@${host}`, 'true'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // without a terminal of its own
  });
  let said = '';
  client.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  client.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  try {
    await until('ssh shows the link', 10_000, () => /sign-in\/ssh#\S+/.test(said) && /[A-Z]{4}-[A-Z]{4}/.test(said));
    const [link = '', code = ''] = [/\S+\/sign-in\/ssh#\S+/.exec(said)?.[0], /[A-Z]{4}-[A-Z]{4}/.exec(said)?.[0]];

    await page.goto(await signInLink(world)); // as another person
    await expect(page).toHaveURL(/\/audit/);
    await page.goto(link);
    await expect(page.getByText('this sign-in is for alice@acme.com, and you are admin')).toBeVisible();

    await page.context().clearCookies();
    await page.goto(await signInLink(world, 'alice@acme.com'));
    await expect(page).not.toHaveURL(/sign-in/);
    await page.goto(link);
    await expect(page.getByText(code)).toBeVisible();
    await expect(page.getByText('127.0.0.1')).toBeVisible();
    await page.getByRole('button', { name: 'Sign in the connection' }).click();
    await expect(page.getByText('Go on in the terminal')).toBeVisible();
    await until('the connection goes on', 10_000, () => said.includes('there is no resource no-server'));
  } finally {
    client.kill();
  }
});

test('a sign-in by SSH that is over, or whose address is not whole, says so', async ({ page, world }) => {
  await page.goto(await signInLink(world));
  await expect(page).toHaveURL(/\/audit/);
  await page.goto(`${world.web}/sign-in/ssh#abcdefghijklmnopqrstuvwx23`);
  await expect(page.getByText('over or took too long')).toBeVisible();
  await page.goto(`${world.web}/sign-in/ssh#nonsense!`);
  await page.reload();
  await expect(page.getByRole('alert')).toContainText('Connect again');
});
