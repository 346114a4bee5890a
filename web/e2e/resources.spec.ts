import { api } from './sally';
import { expect, test } from './world';

interface Kept {
  protocol: string;
  address: string;
  nodes?: { name: string; address: string }[];
  master?: string;
}

test('a Redis Cluster is added with its nodes, and becomes a store that Sentinels know', async ({ admin, world }) => {
  await admin.getByRole('link', { name: 'Resources' }).click();
  await admin.getByRole('button', { name: 'Add resource' }).click();
  const dialog = admin.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'Name', exact: true }).fill('cache');
  await expect(dialog.getByRole('group', { name: 'Nodes' })).toHaveCount(0); // PostgreSQL has none

  await dialog.getByRole('combobox', { name: 'Protocol' }).click();
  await admin.getByRole('option', { name: 'Redis' }).click();
  await dialog.getByRole('textbox', { name: 'Address', exact: true }).fill('10.0.0.1:6379');
  for (const [i, address] of ['10.0.0.1:6379', '10.0.0.2'].entries()) {
    await dialog.getByRole('button', { name: 'Add a node of a cluster' }).click();
    await dialog.getByRole('textbox', { name: `Node ${i + 1}`, exact: true }).fill(`n${i + 1}`);
    await dialog.getByRole('textbox', { name: `Address of node ${i + 1}` }).fill(address);
  }
  await dialog.getByRole('button', { name: 'Add resource' }).click();
  await expect(dialog.getByRole('group', { name: 'Nodes' }).getByRole('alert')).toContainText('node n2: "10.0.0.2" is no host:port');
  await dialog.getByRole('textbox', { name: 'Address of node 2' }).fill('10.0.0.2:6379');
  await dialog.getByRole('button', { name: 'Add resource' }).click();

  const row = admin.getByRole('row').filter({ hasText: 'cache' });
  await expect(row).toContainText('redis');
  await row.getByText('2 nodes').click();
  await expect(row.getByText('n2 at 10.0.0.2:6379')).toBeVisible();
  const added = await api<Kept>(world.socket, 'GET', '/resources/cache');
  expect(added.nodes).toEqual([{ name: 'n1', address: '10.0.0.1:6379' }, { name: 'n2', address: '10.0.0.2:6379' }]);

  await row.getByRole('button', { name: 'Edit' }).click();
  await dialog.getByRole('textbox', { name: 'Master' }).fill('mymaster');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog.getByText(/not both/)).toBeVisible();
  await dialog.getByRole('button', { name: 'Remove node 2' }).click();
  await dialog.getByRole('button', { name: 'Remove node 1' }).click();
  await dialog.getByRole('textbox', { name: 'Address', exact: true }).fill('10.0.1.1:26379,10.0.1.2:26379');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(row).toContainText('Sentinels of mymaster');

  // What another protocol has no place for goes.
  await row.getByRole('button', { name: 'Edit' }).click();
  await dialog.getByRole('combobox', { name: 'Protocol' }).click();
  await admin.getByRole('option', { name: /MySQL/ }).click();
  await expect(dialog.getByRole('textbox', { name: 'Master' })).toHaveCount(0);
  await dialog.getByRole('textbox', { name: 'Address', exact: true }).fill('10.0.0.9:3306');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(row).toContainText('mysql');
  const changed = await api<Kept>(world.socket, 'GET', '/resources/cache');
  expect([changed.protocol, changed.address, changed.nodes, changed.master]).toEqual(['mysql', '10.0.0.9:3306', undefined, undefined]);

  await row.getByRole('button', { name: 'Remove' }).click();
  await admin.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await expect(row).toHaveCount(0);
});
