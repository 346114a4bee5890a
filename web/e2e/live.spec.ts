import { expect, rows, runSql, search, test } from './world';

test('a live view shows statements as they run', async ({ admin, world }) => {
  await search(admin, 'user:alice@acme.com class:read');
  await admin.getByRole('button', { name: 'Live' }).click();
  await expect(admin.locator('[data-state="live"]')).toBeVisible();
  await expect(admin).toHaveURL(/live=on/);

  await runSql(world, 'alice@acme.com', "select 'seen live'");
  const row = rows(admin).filter({ hasText: "select 'seen live'" });
  await expect(row).toHaveCount(1);
  await expect(row).toContainText('ok'); // its result came after it

  await runSql(world, 'bob@acme.com', "select 'of somebody else'");
  await runSql(world, 'alice@acme.com', "select 'the last'");
  await expect(rows(admin).filter({ hasText: 'the last' })).toHaveCount(1);
  await expect(rows(admin).filter({ hasText: 'of somebody else' })).toHaveCount(0);
});
