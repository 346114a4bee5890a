import { createHash } from 'node:crypto';
import type { CDPSession, Page } from '@playwright/test';
import { api } from './sally';
import { expect, rows, search, signInLink, test, type World } from './world';

// Passkeys need a host name.
const named = (world: World): World => ({ ...world, web: world.web.replace('127.0.0.1', 'localhost') });

// authenticator gives the page's browser a security key that is touched at once.
async function authenticator(page: Page): Promise<{ cdp: CDPSession; id: string }> {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return { cdp, id: authenticatorId };
}

async function signIn(page: Page, world: World): Promise<void> {
  await page.goto(await signInLink(named(world)));
  await expect(page).toHaveURL(/\/audit/);
}

async function openAccount(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'admin', expanded: false }).click();
  await page.getByRole('menuitem', { name: 'My account' }).click();
  await expect(page.getByRole('heading', { name: 'My account' })).toBeVisible();
}

async function signOut(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'admin', expanded: false }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await expect(page).toHaveURL(/\/sign-in/);
}

async function addPasskey(page: Page, label: string): Promise<void> {
  await page.getByRole('button', { name: 'Add a passkey' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'Name' }).fill(label);
  await dialog.getByRole('button', { name: 'Add it' }).click();
  await expect(dialog).toBeHidden();
  await expect(page.getByRole('row').filter({ hasText: label })).toContainText('never');
}

test('a passkey is added, signs in, is renamed and removed', async ({ page, world }) => {
  test.slow();
  await authenticator(page);
  await signIn(page, world);
  await openAccount(page);
  await addPasskey(page, 'blue key');

  await signOut(page);
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
  await expect(page).toHaveURL(/\/audit/);

  await openAccount(page);
  await expect(page.getByText('passkey used')).not.toHaveCount(0);
  const row = page.getByRole('row').filter({ hasText: 'blue key' });
  await expect(row).not.toContainText('never');
  await row.getByRole('button', { name: 'Rename the passkey blue key' }).click();
  await page.getByRole('dialog').getByRole('textbox', { name: 'Name' }).fill('red key');
  await page.getByRole('dialog').getByRole('button', { name: 'Rename' }).click();
  const renamed = page.getByRole('row').filter({ hasText: 'red key' });
  await renamed.getByRole('button', { name: 'Remove the passkey red key' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await expect(renamed).toHaveCount(0);

  await signOut(page);
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
  await expect(page.getByRole('alert')).toContainText('does not open this server');
});

test('a passkey that nobody touches says so, and another way is left', async ({ page, world }) => {
  const { cdp, id } = await authenticator(page);
  await cdp.send('WebAuthn.setUserVerified', { authenticatorId: id, isUserVerified: false });
  await page.goto(`${named(world).web}/sign-in`);
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
  await expect(page.getByRole('alert')).toContainText('No passkey was used');
  await page.getByRole('textbox', { name: 'Link' }).fill(await signInLink(named(world)));
  await page.getByRole('button', { name: 'Use the link' }).click();
  await expect(page).toHaveURL(/\/audit/);
});

test('a terminal is confirmed with its code, and with a passkey where it asks for one', async ({ page, world }) => {
  test.slow();
  await authenticator(page);
  await signIn(page, world);
  await openAccount(page);
  await addPasskey(page, 'blue key');
  await signOut(page);
  await signIn(page, world); // without a passkey

  const challenge = createHash('sha256').update('verifier').digest('base64url');
  const request = `challenge=${challenge}&port=9&state=${'s'.repeat(32)}&name=alices-laptop&mfa=1`;
  let went = '';
  await page.route('http://127.0.0.1:9/**', (route) => {
    went = route.request().url();
    return route.fulfill({ body: 'you may close this page' });
  });
  await page.goto(`${named(world).web}/sign-in/terminal#${request}`);
  await expect(page.getByText('alices-laptop')).toBeVisible();
  await expect(page.getByText(/^[A-Z0-9]{4}-[A-Z0-9]{4}$/)).toBeVisible();
  await page.getByRole('button', { name: 'Confirm with a passkey and sign in' }).click();
  await expect(page.getByText('you may close this page')).toBeVisible();
  expect(went).toMatch(/\/callback\?code=.+&state=s+/);

  await page.goto(`${named(world).web}/sign-in/terminal#nonsense`);
  await expect(page.getByRole('alert')).toContainText('sally login');
});

test('at an address without a name passkeys are not offered, and adding one says where to go', async ({ admin, world }) => {
  await openAccount(admin);
  await admin.getByRole('button', { name: 'Add a passkey' }).click();
  await admin.getByRole('dialog').getByRole('button', { name: 'Add it' }).click();
  await expect(admin.getByRole('dialog').getByRole('alert')).toContainText(`open ${named(world).web} instead`);
  await admin.keyboard.press('Escape');
  await signOut(admin);
  await expect(admin.getByText('link that works once')).toBeVisible();
  await expect(admin.getByRole('button', { name: 'Sign in with a passkey' })).toHaveCount(0);
});

test('a break-glass account signs in by password, and it is on the record', async ({ page, world }) => {
  await api(world.socket, 'PUT', '/users/admin/password', { password: 'correct horse battery staple' });
  await page.goto(`${world.web}/sign-in?return_to=/users`);
  const form = page.getByRole('region', { name: 'Break-glass account' });
  await form.getByRole('textbox', { name: 'Name' }).fill('admin');
  await form.getByRole('textbox', { name: 'Password' }).fill('wrong horse battery staple');
  await page.keyboard.press('Enter');
  await expect(form.getByRole('alert')).toContainText('wrong');
  await form.getByRole('textbox', { name: 'Password' }).fill('correct horse battery staple');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'Users' })).toBeVisible();
  await page.getByRole('link', { name: 'Audit' }).click();
  await search(page, 'action:sign_in.password');
  await expect(rows(page)).toHaveCount(2);
  await api(world.socket, 'DELETE', '/users/admin/password');
});

test('the account says what I am, why, and where I am signed in', async ({ admin, world, browser }) => {
  await openAccount(admin);
  await expect(admin.getByRole('row').filter({ hasText: 'admins' })).toContainText('given to you by name');
  const signIns = admin.getByRole('region', { name: 'Where I am signed in' });
  await expect(signIns.getByText('this one')).toHaveCount(1);

  const other = await browser.newPage();
  await other.goto(await signInLink(world));
  await expect(other).toHaveURL(/\/audit/);
  await admin.reload();
  await signIns.getByRole('button', { name: /^Sign out the browser/ }).first().click();
  await admin.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click();
  await expect(admin.getByRole('dialog')).toBeHidden();
  await other.goto(`${world.web}/users`);
  await expect(other).toHaveURL(/\/sign-in/);
  await other.close();
});

test('a token is issued with a scope, shown once, found by its user, and revoked', async ({ admin, world }) => {
  test.slow();
  await admin.getByRole('link', { name: 'Tokens' }).click();
  await admin.getByRole('button', { name: 'Issue a token' }).click();
  const dialog = admin.getByRole('dialog');
  await dialog.getByRole('combobox', { name: 'User' }).fill('bob');
  await admin.getByRole('option', { name: 'bob@acme.com' }).click();
  await dialog.getByRole('textbox', { name: 'For' }).fill('nightly load');
  await dialog.getByRole('combobox', { name: 'Resources' }).click();
  await admin.getByRole('option', { name: 'orders' }).click();
  await dialog.getByRole('combobox', { name: 'From networks' }).fill('nowhere');
  await admin.keyboard.press('Enter');
  await dialog.getByRole('button', { name: 'Issue it' }).click();
  const from = dialog.getByRole('combobox', { name: 'From networks' });
  await expect(from).toHaveAttribute('aria-invalid', 'true');
  await expect(from).toBeFocused();
  await expect(dialog.getByText('"nowhere" is no network')).toBeVisible();
  await admin.keyboard.press('Backspace');
  await dialog.getByRole('button', { name: 'Issue it' }).click();
  await expect(dialog.getByText(/^sally_[a-z2-7]+_[a-z2-7]+$/)).toBeVisible();
  await expect(dialog.getByRole('button', { name: 'Copy the command' })).toBeVisible();
  await dialog.getByRole('button', { name: 'I have it' }).click();

  await admin.goto(`${world.web}/tokens?user=bob@acme.com`);
  const row = admin.getByRole('row').filter({ hasText: 'nightly load' });
  await expect(row).toContainText('orders');
  await expect(admin.getByRole('row').filter({ hasText: 'carol@acme.com' })).toHaveCount(0);
  await row.getByRole('button', { name: /^Revoke the token/ }).click();
  await admin.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await expect(row).toHaveCount(0);
});
