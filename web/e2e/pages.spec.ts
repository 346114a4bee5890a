import { expect, rows, runSql, search, test } from './world';

test('a suspended user is kept out until reinstated, and it is on the record', async ({ admin, world }) => {
  await runSql(world, 'carol@acme.com', 'select 1');
  await admin.getByRole('link', { name: 'Users' }).click();
  const row = admin.getByRole('row').filter({ hasText: 'carol@acme.com' });
  await row.getByRole('button', { name: 'Suspend carol@acme.com' }).click();
  await admin.getByRole('dialog').getByRole('button', { name: 'Suspend' }).click();
  await admin.getByRole('dialog').getByRole('button', { name: 'Done' }).click();
  await expect(row).toContainText('suspended');
  await expect(runSql(world, 'carol@acme.com', 'select 2')).rejects.toThrow();

  await row.getByRole('button', { name: 'Reinstate carol@acme.com' }).click();
  await admin.getByRole('dialog').getByRole('button', { name: 'Reinstate' }).click();
  await expect(row).toContainText('active');
  await runSql(world, 'carol@acme.com', 'select 3');

  await admin.getByRole('link', { name: 'Audit' }).click();
  await search(admin, 'target:carol@acme.com action:users.suspend');
  await expect(rows(admin)).toHaveCount(1);
});

test('a user can be added', async ({ admin }) => {
  await admin.getByRole('link', { name: 'Users' }).click();
  await admin.getByRole('button', { name: 'Add user' }).click();
  const dialog = admin.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'Name' }).fill('dave@acme.com');
  await dialog.getByRole('button', { name: 'Add user' }).click();
  await expect(admin.getByRole('row').filter({ hasText: 'dave@acme.com' })).toContainText('active');
});

test('an open session is listed, and can be killed', async ({ admin, world }) => {
  const running = runSql(world, 'bob@acme.com', 'select pg_sleep(60)').then(
    () => 'ran to its end',
    () => 'cut',
  );
  await admin.getByRole('link', { name: 'Sessions' }).click();
  await expect(admin.getByRole('heading', { name: 'Sessions' })).toBeVisible();
  const row = admin.getByRole('row').filter({ hasText: 'bob@acme.com' });
  await expect(row).toHaveCount(1);
  await row.getByRole('button', { name: /^Kill/ }).click();
  await admin.getByRole('dialog').getByRole('button', { name: 'Kill' }).click();
  await expect(row).toHaveCount(0);
  expect(await running).toBe('cut');
});

test('resources, roles and credentials are listed without secrets', async ({ admin, world }) => {
  await admin.getByRole('link', { name: 'Resources' }).click();
  await expect(admin.getByRole('heading', { name: 'Resources' })).toBeVisible();
  await expect(admin.getByRole('row').filter({ hasText: 'orders' })).toContainText('env=test');
  await admin.getByRole('link', { name: 'Roles' }).click();
  await expect(admin.getByRole('heading', { name: 'Roles' })).toBeVisible();
  await expect(admin.getByRole('row').filter({ hasText: 'engineer' })).toContainText('postgres');
  await admin.goto(`${world.web}/credentials`);
  await expect(admin.getByRole('row').filter({ hasText: 'orders-app' })).toContainText('sealed');
  await expect(admin.getByText('unused: this store trusts')).toHaveCount(0);
});
