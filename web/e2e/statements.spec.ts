import { expect, rows, runSql, search, test } from './world';

const SHAPE = "select id from refunds where reason = '";

test('statements that differ in literals only are one line, which leads to its events', async ({ admin, world }) => {
  for (const reason of ['one', 'two', 'three']) await runSql(world, 'bob@acme.com', `${SHAPE}${reason}'`);
  await search(admin, `user:bob@acme.com "${SHAPE}"`);
  await expect(rows(admin)).toHaveCount(3);
  await admin.getByText('Statements', { exact: true }).click();
  await expect(admin).toHaveURL(/view=statements/);
  const group = rows(admin).filter({ hasText: SHAPE });
  await expect(group).toHaveCount(1);
  await expect(group.getByRole('gridcell').first()).toHaveText('3');

  await group.click();
  await expect(admin).toHaveURL(/fingerprint%3A/);
  await expect(admin).not.toHaveURL(/view=/);
  await expect(rows(admin)).toHaveCount(3);
});

test('groups are ordered by what they cost', async ({ admin, world }) => {
  await runSql(world, 'bob@acme.com', 'select g from generate_series(1, 5000) g');
  await search(admin, 'user:bob@acme.com class:read');
  await admin.keyboard.press('Escape'); // out of the box
  await admin.keyboard.press('s');
  await expect(rows(admin)).not.toHaveCount(0);
  await admin.getByRole('columnheader', { name: 'Rows' }).getByRole('button').click();
  await expect(admin).toHaveURL(/by=rows/);
  await expect(admin.getByRole('columnheader', { name: 'Rows' })).toHaveAttribute('aria-sort', 'descending');
  await expect(rows(admin).first()).toContainText('generate_series');

  await admin.keyboard.press('j');
  await expect(rows(admin).first()).toHaveAttribute('aria-selected', 'true');
  await admin.keyboard.press('Enter');
  await expect(admin).toHaveURL(/fingerprint%3A/);
});

test('events without statements make no groups, and that is said', async ({ admin }) => {
  await search(admin, 'type:admin');
  await admin.getByText('Statements', { exact: true }).click();
  await expect(admin.getByText('No statements to group')).toBeVisible();
  await admin.getByRole('button', { name: 'Show the events' }).click();
  await expect(rows(admin)).not.toHaveCount(0);
});
