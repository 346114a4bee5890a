import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { type AddressInfo, connect, createServer } from 'node:net';
import { findings } from './findings';
import { api } from './sally';
import { until } from './until';
import { expect, signInLink, test, type World } from './world';

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

// waits begins a connection of OpenSSH's as Alice, which shows a link and waits until somebody has signed it in. from is its own address.
async function waits(world: World, from = '127.0.0.1') {
  const [host, port] = world.ssh.split(':');
  const options = ['PreferredAuthentications=keyboard-interactive', 'StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null'];
  const client = spawn('ssh', ['-F', 'none', '-b', from, '-p', `${port}`, ...options.flatMap((o) => ['-o', o]), `alice@acme.com#no-server@${host}`, 'true'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // without a terminal of its own
  });
  let said = '';
  client.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  client.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await until('ssh shows the link', 10_000, () => /sign-in\/ssh#\S+/.test(said) && /[A-Z]{4}-[A-Z]{4}/.test(said));
  return {
    link: /\S+\/sign-in\/ssh#\S+/.exec(said)?.[0] ?? '',
    code: /[A-Z]{4}-[A-Z]{4}/.exec(said)?.[0] ?? '',
    said: () => said,
    isSignedIn: () => said.includes('there is no resource no-server'),
    ended: () => client.exitCode !== null,
    end: () => client.kill(),
  };
}

// elsewhere carries connections to the server from another address of this machine.
async function elsewhere(world: World, localAddress: string) {
  const { hostname, port } = new URL(world.web);
  const server = createServer((near) => {
    const far = connect({ host: hostname, port: Number(port), localAddress });
    near.pipe(far).pipe(near);
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return { web: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
}

test("a connection of OpenSSH's is signed in by the page whose link it shows", async ({ page, world }) => {
  const { link, code, isSignedIn, end } = await waits(world);
  try {
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
    await until('the connection goes on', 10_000, isSignedIn);
  } finally {
    end();
  }
});

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(colorScheme, () => {
    test.use({ colorScheme });

    test('who is at another address than the terminal signs it in by the code that it shows alone', async ({ page, world }) => {
      const { link, code, said, isSignedIn, end } = await waits(world, '127.0.0.2');
      try {
        await page.goto(await signInLink(world, 'alice@acme.com'));
        await expect(page).not.toHaveURL(/sign-in/);
        await page.goto(link);
        await expect(page.getByRole('alert')).toContainText('You are at 127.0.0.1; the SSH client is at 127.0.0.2');
        await expect(page.getByText(code)).toHaveCount(0); // nor anywhere in the page
        expect(await page.content()).not.toContain(code);
        expect(await findings(page)).toEqual([]);
        const box = page.getByRole('textbox', { name: 'The code that your terminal shows' });
        const button = page.getByRole('button', { name: 'Sign in the connection' });
        await expect(button).toBeDisabled();
        await box.fill('WRNG-CODE');
        await button.click();
        const wrong = page.getByText('this is not the code that the terminal shows, which asks from 127.0.0.2');
        await expect(wrong).toBeVisible();
        expect(await findings(page)).toEqual([]);
        await page.setViewportSize({ width: 390, height: 844 });
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
        expect(isSignedIn(), said()).toBe(false);

        await box.fill(code.toLowerCase().replace('-', ' ')); // as people type
        await box.press('Enter');
        await expect(page.getByText('Go on in the terminal')).toBeVisible();
        await until('the connection goes on', 10_000, isSignedIn);
        expect(await findings(page)).toEqual([]);
      } finally {
        end();
      }
    });
  });
}

test('who guesses the code of a connection from elsewhere is soon made to wait, and can refuse it still', async ({ page, world }) => {
  test.slow();
  const { link, code, said, isSignedIn, ended, end } = await waits(world);
  const other = await elsewhere(world, '127.0.0.3'); // whose failures are nobody else's
  try {
    const here = (url: string) => url.replace(world.web, other.web);
    await page.goto(here(await signInLink(world, 'alice@acme.com')));
    await expect(page).not.toHaveURL(/sign-in/);
    await page.goto(here(link));
    const box = page.getByRole('textbox', { name: 'The code that your terminal shows' });
    const wrong = page.getByText(/^this is not the code/);
    const wait = page.getByText(/^too many/);
    const attempt = async (typed: string) => {
      const answer = page.waitForResponse((response) => response.url().endsWith('/sign-in/ssh/approve'));
      await box.fill(typed);
      await box.press('Enter');
      return (await answer).status();
    };
    let guesses = 0;
    while ((await attempt(`WRNG-${String.fromCharCode(65 + guesses)}AAA`)) === 422) {
      await expect(wrong).toBeVisible();
      expect(++guesses).toBeLessThan(30);
    }
    await expect(wait).toBeVisible();
    expect(await attempt(code)).toBe(429); // the right one too, or guessing would go on behind it
    expect(isSignedIn(), said()).toBe(false);

    await expect(async () => {
      await page.getByRole('button', { name: 'Not me: refuse' }).click();
      await expect(page.getByText('Nobody was signed in')).toBeVisible({ timeout: 1_000 });
    }).toPass({ timeout: 20_000 });
    await until('the connection is turned away', 10_000, ended);
    expect(isSignedIn(), said()).toBe(false);
  } finally {
    end();
    other.close();
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
