import { readFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { expect, rows, runSql, search, test } from './world';

const chart = (page: Page) => page.getByRole('region', { name: 'Events over time' });
const brush = (page: Page) => chart(page).getByRole('slider');
const facets = (page: Page) => page.getByRole('complementary', { name: 'Narrow by value' });
const box = (page: Page) => page.getByRole('textbox', { name: 'Search the record' });

test.describe('events over time', () => {
  test('the chart counts what the search finds', async ({ admin }) => {
    await search(admin, 'refunds class:read,write,ddl');
    await expect(rows(admin)).not.toHaveCount(0);
    const found = await rows(admin).count();
    await expect(chart(admin).getByText(`${found} events`, { exact: true })).toBeVisible();
    await expect(chart(admin).getByRole('img', { name: new RegExp(`^${found} events from .* most from`) })).toBeVisible();
    await chart(admin).getByRole('button', { name: /^write/ }).click();
    await expect(box(admin)).toHaveValue('refunds class:read,write,ddl class:write');
    await expect(chart(admin).getByText('1 event', { exact: true })).toBeVisible();
  });

  test('dragging narrows the time, zooming out widens it again', async ({ admin, world }) => {
    await runSql(world, 'alice@acme.com', "select 'brushed'");
    await search(admin, 'user:alice@acme.com');
    await expect(brush(admin)).toBeVisible();
    const area = await brush(admin).boundingBox();
    if (!area) throw new Error('the chart has no place');
    const at = (part: number) => area.x + area.width * part;
    await admin.mouse.move(at(0.999), area.y + 20);
    await expect(chart(admin).getByText(/ – \d\d:\d\d:\d\d$/)).toBeVisible(); // says which time is under the mouse
    await admin.mouse.down();
    await admin.mouse.move(at(0.95), area.y + 20, { steps: 3 });
    await admin.mouse.up();
    await expect(admin).toHaveURL(/from=\d{4}-/);
    await expect(admin).toHaveURL(/to=\d{4}-/);
    await expect(rows(admin).filter({ hasText: "select 'brushed'" })).toHaveCount(1);
    await expect(rows(admin).filter({ hasText: 'create table refunds' })).toHaveCount(0);

    const narrow = admin.url();
    await expect(chart(admin)).toHaveAttribute('aria-busy', 'false');
    await admin.keyboard.press('z');
    await expect(admin).not.toHaveURL(narrow);
    await expect(rows(admin).filter({ hasText: "select 'brushed'" })).toHaveCount(1);
    await chart(admin).getByRole('button', { name: 'Any time' }).click();
    await expect(admin).not.toHaveURL(/from=/);
    await expect(rows(admin).filter({ hasText: 'create table refunds' })).toHaveCount(1);
  });

  test('so do the keys', async ({ admin }) => {
    await search(admin, 'user:alice@acme.com');
    await brush(admin).focus();
    await admin.keyboard.press('Home');
    await expect(brush(admin)).toHaveAttribute('aria-valuetext', /: \d+ events?;/);
    await admin.keyboard.press('Shift+ArrowRight');
    await expect(brush(admin)).toHaveAttribute('aria-valuenow', '1');
    await admin.keyboard.press('Enter');
    await expect(admin).toHaveURL(/from=.*to=/);
    await expect(rows(admin).filter({ hasText: 'create table refunds' })).toHaveCount(1);
  });

  test('the chart has a table, and bars by verdict', async ({ admin }) => {
    await search(admin, 'user:alice@acme.com');
    await chart(admin).getByRole('button', { name: 'Show as a table' }).click();
    await expect(chart(admin).getByRole('columnheader', { name: 'read' })).toBeVisible();
    await chart(admin).getByText('Verdict', { exact: true }).click();
    await expect(admin).toHaveURL(/split=verdict/);
    await expect(chart(admin).getByRole('columnheader', { name: 'allow' })).toBeVisible();
  });

  test('an empty answer says so', async ({ admin }) => {
    await search(admin, 'user:nobody@acme.com');
    await expect(chart(admin).getByText('No events to count.')).toBeVisible();
  });
});

test.describe('values to narrow by', () => {
  test('a value becomes a term of the search, and goes again', async ({ admin }) => {
    await search(admin, 'refunds');
    const bob = facets(admin).getByRole('button', { name: /^bob@acme\.com/ });
    await expect(bob).toContainText('1');
    await bob.click();
    await expect(box(admin)).toHaveValue('refunds user:bob@acme.com');
    await expect(rows(admin).filter({ hasText: 'alice@acme.com' })).toHaveCount(0);
    await expect(bob).toHaveAttribute('aria-pressed', 'true');
    await bob.focus();
    await admin.keyboard.press('Enter');
    await expect(box(admin)).toHaveValue('refunds');
  });

  test('a value can be excluded, by Alt or by its button', async ({ admin }) => {
    await search(admin, 'refunds');
    await facets(admin).getByRole('button', { name: /^bob@acme\.com/ }).click({ modifiers: ['Alt'] });
    await expect(box(admin)).toHaveValue('refunds -user:bob@acme.com');
    await expect(rows(admin).filter({ hasText: 'bob@acme.com' })).toHaveCount(0);
    await facets(admin).getByRole('button', { name: 'All but class ddl' }).click();
    await expect(box(admin)).toHaveValue('refunds -user:bob@acme.com -class:ddl');
    await expect(facets(admin).getByRole('list', { name: 'Class' }).getByText('write')).toBeVisible();
    await expect(facets(admin).getByRole('list', { name: 'Class' }).getByText('ddl')).toHaveCount(0);
  });

  test('only open lists are asked for, and they stay open', async ({ admin }) => {
    const asked: string[] = [];
    admin.on('request', (request) => {
      const url = new URL(request.url());
      if (url.pathname.endsWith('/audit/top')) asked.push(url.searchParams.get('field') ?? '');
    });
    await search(admin, 'refunds');
    await expect(facets(admin).getByRole('list', { name: 'User' })).toBeVisible();
    expect(asked).not.toContain('application');
    await facets(admin).getByRole('button', { name: 'Application' }).click();
    await expect(facets(admin).getByRole('button', { name: /^e2e/ })).toBeVisible();
    await admin.reload();
    await expect(facets(admin).getByRole('button', { name: /^e2e/ })).toBeVisible();
    await admin.keyboard.press('f');
    await expect(facets(admin)).toBeHidden();
    await admin.reload();
    await expect(rows(admin)).not.toHaveCount(0);
    await expect(facets(admin)).toBeHidden();
    await admin.getByRole('button', { name: 'Narrow', exact: true }).click();
    await expect(facets(admin)).toBeVisible();
  });

  test('on a small screen they are out of the way until asked for', async ({ admin }) => {
    await admin.setViewportSize({ width: 400, height: 800 });
    await admin.evaluate(() => localStorage.clear());
    await admin.reload();
    await expect(rows(admin)).not.toHaveCount(0);
    await expect(facets(admin)).toBeHidden();
    expect(await admin.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(400);
    await admin.getByRole('button', { name: 'Narrow', exact: true }).click();
    await facets(admin).getByRole('button', { name: /^orders/ }).click();
    await expect(admin).toHaveURL(/q=resource%3Aorders/);
  });
});

test.describe('saved searches', () => {
  test('are kept, renamed, shared and deleted', async ({ admin, context }) => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await search(admin, 'user:alice@acme.com "parcel lost"');
    await admin.getByRole('button', { name: 'Saved searches' }).click();
    const menu = admin.getByRole('dialog', { name: 'Saved searches' });
    await menu.getByRole('textbox', { name: 'Name for this search' }).fill('Lost parcels');
    await admin.keyboard.press('Enter');
    await expect(menu.getByText('This view is saved as “Lost parcels”.')).toBeVisible();

    await menu.getByRole('button', { name: 'Rename Lost parcels' }).click();
    await menu.getByRole('textbox', { name: 'New name of Lost parcels' }).fill('Parcels');
    await admin.keyboard.press('Enter');
    await menu.getByRole('button', { name: 'Copy the link of Parcels' }).click();
    const link = await admin.evaluate(() => navigator.clipboard.readText());

    const other = await context.newPage(); // the same browser: the search is there as well
    await other.goto(link);
    await expect(box(other)).toHaveValue('user:alice@acme.com "parcel lost"');
    await expect(rows(other)).toHaveCount(1);
    await other.getByRole('button', { name: 'Saved searches: Parcels' }).click();
    const theirs = other.getByRole('dialog', { name: 'Saved searches' });
    await theirs.getByRole('button', { name: 'Delete Parcels' }).click();
    await expect(theirs.getByRole('link', { name: 'Parcels' })).toHaveCount(0);
    await theirs.getByRole('button', { name: 'Undo' }).click();
    await expect(theirs.getByRole('link', { name: 'Parcels' })).toBeVisible();
    await other.close();
  });

  test('begin with some that many need', async ({ admin }) => {
    await search(admin, 'user:nobody@acme.com');
    await admin.getByRole('main').getByRole('link', { name: 'DDL this week' }).click();
    await expect(box(admin)).toHaveValue('class:ddl');
    await expect(rows(admin).filter({ hasText: 'create table refunds' })).toHaveCount(1);
    await expect(admin).toHaveURL(/from=-7d/);
  });

  test('any view is copied as a link', async ({ admin, context }) => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await search(admin, 'refunds');
    await admin.getByRole('button', { name: 'Copy link' }).click();
    await expect(admin.getByRole('button', { name: 'Copied' })).toBeVisible();
    expect(await admin.evaluate(() => navigator.clipboard.readText())).toBe(admin.url());
  });
});

test('an export downloads all that match, and is on the record', async ({ admin }) => {
  await search(admin, 'refunds class:write');
  await expect(rows(admin)).toHaveCount(1);
  await admin.getByRole('button', { name: 'Export' }).click();
  const menu = admin.getByRole('dialog', { name: 'Export' });
  await expect(menu.getByText('1 event matches this search.')).toBeVisible();
  await expect(menu.getByText('is put on the record')).toBeVisible();
  const begun = admin.waitForEvent('download');
  await menu.getByRole('link', { name: 'Download' }).click();
  const download = await begun;
  expect(download.suggestedFilename()).toMatch(/\.jsonl$/);
  const lines = readFileSync(await download.path(), 'utf8').trimEnd().split('\n');
  expect(lines).toHaveLength(1);
  expect((JSON.parse(lines[0] ?? '') as { statement: string }).statement).toContain('insert into refunds');

  await menu.getByText('CSV', { exact: true }).click();
  const second = admin.waitForEvent('download');
  await menu.getByRole('link', { name: 'Download' }).click();
  expect((await second).suggestedFilename()).toMatch(/\.csv$/);

  await admin.keyboard.press('Escape');
  await search(admin, 'action:audit.export target:"refunds class:write"');
  await expect(rows(admin)).not.toHaveCount(0);
});

test('the status bar says up to when the record can be searched', async ({ admin }) => {
  await expect(admin.getByText(/^searchable up to/)).toBeVisible();
});

test('? tells the fields and the keys', async ({ admin }) => {
  await expect(rows(admin)).not.toHaveCount(0);
  await admin.keyboard.press('?');
  const help = admin.getByRole('dialog', { name: 'How to search' });
  await expect(help.getByText('fingerprint:')).toBeVisible();
  await expect(help.getByText('zoom out in time')).toBeVisible();
  await admin.keyboard.press('Escape');
  await expect(help).toBeHidden();
});
