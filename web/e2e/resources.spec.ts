import { api } from './sally';
import { expect, test } from './world';

interface Kept {
  protocol: string;
  address: string;
  nodes?: { name: string; address: string }[];
  master?: string;
  database?: string;
  ssl_mode?: string;
  ssh?: { host_keys?: string[]; env?: string[]; record_exec?: boolean };
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

test('an SSH server is added with its host key, and has no database and no TLS', async ({ admin, world }) => {
  const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMvL+rHf8WRDKmafTMcJaQ/41mNIm3GLjLNOG2NZwE3h';
  await admin.getByRole('link', { name: 'Resources' }).click();
  await admin.getByRole('button', { name: 'Add resource' }).click();
  const dialog = admin.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'Name', exact: true }).fill('web-1');
  await dialog.getByRole('textbox', { name: 'Database' }).fill('gone');
  await dialog.getByRole('combobox', { name: 'Protocol' }).click();
  await admin.getByRole('option', { name: 'SSH' }).click();
  await expect(dialog.getByRole('textbox', { name: 'Database' })).toHaveCount(0);
  await expect(dialog.getByRole('combobox', { name: 'TLS' })).toHaveCount(0);
  await expect(dialog.getByRole('textbox', { name: 'CA', exact: true })).toHaveCount(0);
  await dialog.getByRole('textbox', { name: 'Address', exact: true }).fill('web-1.internal:22');
  await dialog.getByRole('textbox', { name: 'Host keys' }).fill('garbage');
  await dialog.getByRole('button', { name: 'Add resource' }).click();
  await expect(dialog.getByText(/is no public key/)).toBeVisible();
  await dialog.getByRole('textbox', { name: 'Host keys' }).fill(`${key} root@web-1\n`);
  await dialog.getByRole('checkbox', { name: 'Record the output of commands' }).check();
  await dialog.getByRole('button', { name: 'Add resource' }).click();

  const row = admin.getByRole('row').filter({ hasText: 'web-1' });
  await expect(row).toContainText('1 host key');
  const added = await api<Kept>(world.socket, 'GET', '/resources/web-1');
  expect(added.ssh).toEqual({ host_keys: [`${key} root@web-1`], record_exec: true });
  expect([added.protocol, added.database, added.ssl_mode]).toEqual(['ssh', undefined, undefined]);

  await row.getByRole('button', { name: 'Edit' }).click();
  await expect(dialog.getByRole('textbox', { name: 'Host keys' })).toHaveValue(`${key} root@web-1`);
  await dialog.getByRole('checkbox', { name: 'Record the output of commands' }).uncheck();
  await dialog.getByRole('combobox', { name: 'Environment' }).click();
  await admin.getByRole('option', { name: 'None' }).click();
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog).toBeHidden();
  expect((await api<Kept>(world.socket, 'GET', '/resources/web-1')).ssh).toEqual({ host_keys: [`${key} root@web-1`], env: [] });
  await row.getByRole('button', { name: 'Host keys of web-1' }).click();
  await expect(dialog.getByRole('row').filter({ hasText: 'SHA256:' })).toContainText('Given by admin');
  await dialog.getByRole('button', { name: 'Close' }).click();

  await row.getByRole('button', { name: 'Edit' }).click();
  await expect(dialog.getByRole('combobox', { name: 'Environment' })).toHaveValue('None');
  await dialog.getByRole('combobox', { name: 'Environment' }).click();
  await admin.getByRole('option', { name: 'Those of a list' }).click();
  await dialog.getByRole('combobox', { name: 'Variables' }).fill('TZ');
  await admin.keyboard.press('Enter');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog).toBeHidden();
  expect((await api<Kept>(world.socket, 'GET', '/resources/web-1')).ssh?.env).toEqual(['LANG', 'LC_*', 'TZ']);

  await row.getByRole('button', { name: 'Edit' }).click();
  await dialog.getByRole('combobox', { name: 'Environment' }).click();
  await admin.getByRole('option', { name: 'LANG and LC_*' }).click();
  await dialog.getByRole('textbox', { name: 'Host keys' }).fill('');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(row).not.toContainText('host key');
  expect((await api<Kept>(world.socket, 'GET', '/resources/web-1')).ssh).toBeUndefined();

  await row.getByRole('button', { name: 'Remove' }).click();
  await admin.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await expect(row).toHaveCount(0);
});

test('a credential for SSH servers is kept nowhere, or is a key that is kept sealed', async ({ admin, world }) => {
  await admin.getByRole('link', { name: 'Credentials' }).click();
  await admin.getByRole('button', { name: 'Add credential' }).click();
  const dialog = admin.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'Name', exact: true }).fill('web-login');
  await dialog.getByRole('combobox', { name: 'Kind' }).click();
  await admin.getByRole('option', { name: /SSH certificates/ }).click();
  await dialog.getByRole('button', { name: 'Add credential' }).click();
  const row = admin.getByRole('row').filter({ hasText: 'web-login' });
  await expect(row).toContainText('ssh-ca');
  await expect(row.getByRole('button', { name: 'Set the value' })).toHaveCount(0);

  await row.getByRole('button', { name: 'Edit' }).click();
  await dialog.getByRole('combobox', { name: 'Kind' }).click();
  await admin.getByRole('option', { name: 'A value that is set here' }).click();
  await dialog.getByRole('button', { name: 'Save' }).click();
  await row.getByRole('button', { name: 'Set the value' }).click();
  await dialog.getByRole('textbox', { name: 'Key', exact: true }).fill('garbage');
  await dialog.getByRole('button', { name: 'Set the value' }).click();
  await expect(dialog.getByText(/no private key that SSH knows/)).toBeVisible();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  expect((await api<{ engine?: string }>(world.socket, 'GET', '/credentials/web-login')).engine).toBeUndefined();
  await row.getByRole('button', { name: 'Remove' }).click();
  await admin.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await expect(row).toHaveCount(0);
});
