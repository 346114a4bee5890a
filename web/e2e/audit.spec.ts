import { expect, rows, search, test } from './world';

const PARCEL = "select id, reason from refunds where reason like 'parcel%' order by id";

test('a search finds a statement, with its result', async ({ admin }) => {
  await search(admin, 'user:bob@acme.com "like \'parcel"');
  await expect(rows(admin)).toHaveCount(1);
  const row = rows(admin).first();
  await expect(row).toContainText(PARCEL);
  await expect(row).toContainText('bob@acme.com');
  await expect(row).toContainText('orders');
  await expect(row).toContainText('read');
  await expect(row).toContainText('ok');
});

test('picking a value narrows, taking the term away widens again', async ({ admin }) => {
  await search(admin, 'refunds');
  await expect(rows(admin).filter({ hasText: 'bob@acme.com' })).not.toHaveCount(0);
  await rows(admin).getByRole('button', { name: 'alice@acme.com' }).first().click();
  await expect(admin).toHaveURL(/q=refunds\+user%3Aalice/);
  await expect(rows(admin).filter({ hasText: 'bob@acme.com' })).toHaveCount(0);
  await expect(rows(admin)).toHaveCount(2);
  await admin.getByRole('button', { name: 'Remove user:alice@acme.com' }).click();
  await expect(rows(admin).filter({ hasText: 'bob@acme.com' })).not.toHaveCount(0);
});

test('the panel tells all of a statement', async ({ admin }) => {
  await search(admin, 'user:bob@acme.com "like \'parcel"');
  await rows(admin).getByText(PARCEL).click();
  const panel = admin.getByRole('complementary', { name: 'Event' });
  await expect(panel.getByRole('heading', { name: 'Statement' })).toBeVisible();
  await panel.getByText('As sent').click();
  await expect(panel.getByRole('region', { name: 'Statement text' })).toHaveText(PARCEL);
  await expect(panel.getByText('SELECT 1')).toBeVisible();
  await expect(panel.getByText('e2e', { exact: true })).toBeVisible(); // the application's name

  await panel.getByText('JSON', { exact: true }).click();
  await expect(panel.getByText('"command"')).toBeVisible();
  await panel.getByText('Event', { exact: true }).last().click();
  await panel.getByRole('button', { name: 'The whole session' }).click();
  await expect(admin).toHaveURL(/q=session%3A/);
  await expect(rows(admin).filter({ hasText: 'session opened' })).toHaveCount(1);
});

test('an error of the store is told in full', async ({ admin }) => {
  await search(admin, 'error:42P01');
  await rows(admin).getByText('select * from no_such_table').click();
  await expect(admin.getByText('relation "no_such_table" does not exist')).toBeVisible();
});

test('keys do what the mouse does', async ({ admin }) => {
  await search(admin, 'refunds');
  await expect(rows(admin)).not.toHaveCount(0);
  await admin.keyboard.press('ArrowDown'); // out of the box, to the first row
  await expect(rows(admin).first()).toHaveAttribute('aria-selected', 'true');
  await admin.keyboard.press('j');
  await expect(rows(admin).nth(1)).toHaveAttribute('aria-selected', 'true');
  await admin.keyboard.press('k');
  await admin.keyboard.press('Enter');
  const panel = admin.getByRole('complementary', { name: 'Event' });
  await expect(panel).toBeVisible();
  const first = admin.url();
  await admin.keyboard.press('j'); // on to the next, panel and all
  await expect(admin).not.toHaveURL(first);
  await admin.keyboard.press('Escape');
  await expect(panel).toBeHidden();
  await admin.keyboard.press('/');
  await expect(admin.getByRole('textbox', { name: 'Search the record' })).toBeFocused();
});

test('a view can be shared by its address', async ({ admin, context }) => {
  await search(admin, 'user:alice@acme.com refunds');
  await admin.getByRole('button', { name: /^Time range/ }).click();
  await admin.getByRole('button', { name: 'Last hour' }).click();
  await rows(admin).last().click();
  const panel = admin.getByRole('complementary', { name: 'Event' });
  await expect(panel).toBeVisible();

  const other = await context.newPage();
  await other.goto(admin.url());
  await expect(other.getByRole('textbox', { name: 'Search the record' })).toHaveValue('user:alice@acme.com refunds');
  await expect(other.getByRole('button', { name: 'Time range: Last hour' })).toBeVisible();
  await expect(other.getByRole('complementary', { name: 'Event' })).toContainText('alice@acme.com');
  await expect(rows(other)).toHaveCount(2);
});

test('a mistake in a search is shown at its place', async ({ admin }) => {
  await search(admin, 'refunds since:soon');
  const alert = admin.getByRole('alert');
  await expect(alert).toContainText('refunds since:soon');
  await expect(alert.locator('mark')).toContainText('soon');
});

test('a search without a match says so, and leads back', async ({ admin }) => {
  await search(admin, 'user:nobody@acme.com');
  await expect(admin.getByText('Nothing in the record matches')).toBeVisible();
  await admin.getByRole('button', { name: 'Show everything' }).click();
  await expect(rows(admin)).not.toHaveCount(0);
});
