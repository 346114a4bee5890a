import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { test as base, type Browser, expect, type Page } from '@playwright/test';
import { api } from './sally';

// World is what setup has started.
export interface World {
  web: string;
  socket: string;
  firstLink: string;
  entrance: string; // host:port of the native PostgreSQL entrance
  ssh: string; // host:port of the native SSH entrance
  tokens: Record<string, string>;
}

// runSql runs a statement at the resource orders with psql, through Sallyport.
export async function runSql(world: World, user: string, sql: string): Promise<void> {
  const [host, port] = world.entrance.split(':');
  const env = { ...process.env, PGPASSWORD: world.tokens[user], PGSSLMODE: 'prefer', PGAPPNAME: 'e2e' };
  await promisify(execFile)('psql', ['-X', '-q', '-h', `${host}`, '-p', `${port}`, '-U', `${user}#orders`, '-d', 'postgres', '-v', 'ON_ERROR_STOP=1', '-c', sql], { env });
}

// signInLink makes a new one-time link for the user, who is the first admin if nobody is named.
export async function signInLink(world: World, user = 'admin'): Promise<string> {
  const { path } = await api<{ path: string }>(world.socket, 'POST', '/sign-in/links', { user });
  return world.web + path;
}

interface Fixtures {
  // admin is a page on which the first admin is signed in.
  admin: Page;
}

export const test = base.extend<Fixtures, { world: World }>({
  world: [
    // Playwright insists on a pattern here.
    async ({}, use) => {
      await use(JSON.parse(process.env.E2E_WORLD ?? '') as World);
    },
    { scope: 'worker' },
  ],
  admin: async ({ page, world }, use) => {
    await page.goto(await signInLink(world));
    await expect(page).toHaveURL(/\/audit/);
    await use(page);
  },
});

export { expect };

// signedIn opens a browser of its own, in which the user is signed in; close it by its context.
export async function signedIn(browser: Browser, world: World, user: string): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  await page.goto(await signInLink(world, user));
  await expect(page.getByRole('navigation', { name: 'Pages' })).toBeVisible();
  return page;
}

// rows are the table's events, without its head.
export const rows = (page: Page) => page.getByRole('grid').getByRole('row').filter({ has: page.getByRole('gridcell') });

// search types a search and waits until the page shows its answer.
export async function search(page: Page, q: string): Promise<void> {
  const box = page.getByRole('textbox', { name: 'Search the record' });
  await box.fill(q);
  const answer = page.waitForResponse((response) => response.url().includes('/audit/events?'));
  await box.press('Enter');
  await answer;
}
