import { expect, signInLink, test } from './world';

test('the link that the server printed signs in, once', async ({ page, world, browser }) => {
  await page.goto(world.firstLink);
  await expect(page).toHaveURL(/\/audit$/);
  await expect(page.getByRole('button', { name: 'admin', expanded: false })).toBeVisible();

  const other = await browser.newPage();
  await other.goto(world.firstLink);
  await expect(other.getByRole('alert')).toContainText('used');
  await expect(other).toHaveURL(/\/sign-in$/); // the secret has left the address
  await other.close();
});

test('a page asked for without being signed in opens after signing in', async ({ page, world }) => {
  await page.goto(`${world.web}/users`);
  await expect(page.getByText('link that works once')).toBeVisible();
  const link = new URL(await signInLink(world));
  await page.evaluate((hash) => (window.location.hash = hash), link.hash);
  await expect(page.getByRole('heading', { name: 'Users' })).toBeVisible();
});

test('signing out ends the session', async ({ admin, world }) => {
  await admin.getByRole('button', { name: 'admin', expanded: false }).click();
  await admin.getByRole('menuitem', { name: 'Sign out' }).click();
  await expect(admin).toHaveURL(/\/sign-in/);
  await admin.goto(`${world.web}/audit`);
  await expect(admin).toHaveURL(/\/sign-in/);
});
