import { findings } from './findings';
import { expect, rows, search, test } from './world';

const PAGES = [
  'users', 'users/alice@acme.com', 'roles', 'roles/engineer', 'add/role', 'resources', 'sessions', 'recordings', 'recordings?q=nothing', 'credentials',
  'tokens', 'account', 'requests', 'requests?view=decide', 'requests?view=history', 'grants', 'groups', 'policies', 'add/policy',
  'explain?user=bob@acme.com&resource=orders&statement=select 1', 'gateways', 'receipts',
];

for (const scheme of ['light', 'dark'] as const) {
  test.describe(scheme, () => {
    test.use({ colorScheme: scheme });

    test('sign-in has no finding of axe', async ({ page, world }) => {
      await page.goto(`${world.web}/sign-in`);
      await expect(page.getByText('link that works once')).toBeVisible();
      expect(await findings(page)).toEqual([]);
    });

    test('audit has no finding of axe', async ({ admin }) => {
      test.slow(); // axe looks at all of a large page, several times
      await expect(rows(admin)).not.toHaveCount(0);
      expect(await findings(admin)).toEqual([]);
      await search(admin, 'error:42P01');
      await rows(admin).filter({ hasText: 'no_such_table' }).first().click();
      await expect(admin.getByRole('button', { name: 'The whole session' })).toBeVisible();
      expect(await findings(admin)).toEqual([]);
      await admin.getByRole('button', { name: 'Prove this event' }).click();
      await expect(admin.getByText('This is record number')).toBeVisible();
      expect(await findings(admin)).toEqual([]);
      await admin.getByRole('button', { name: 'How to search' }).click();
      await expect(admin.getByText('All terms must hold')).toBeVisible();
      expect(await findings(admin)).toEqual([]);
    });

    test('what stands around the events has no finding of axe', async ({ admin }) => {
      test.slow();
      await expect(rows(admin)).not.toHaveCount(0);
      await admin.getByRole('button', { name: 'Saved searches' }).click();
      await expect(admin.getByRole('link', { name: 'DDL this week' })).toBeVisible();
      expect(await findings(admin)).toEqual([]);
      await admin.keyboard.press('Escape');
      await admin.getByRole('button', { name: 'Export' }).click();
      await expect(admin.getByText('this search.')).toBeVisible();
      expect(await findings(admin)).toEqual([]);
      await admin.keyboard.press('Escape');
      await admin.getByRole('button', { name: 'Show as a table' }).click();
      await admin.getByText('Statements', { exact: true }).click();
      await expect(rows(admin).filter({ hasText: 'create table' })).not.toHaveCount(0);
      expect(await findings(admin)).toEqual([]);
      await admin.setViewportSize({ width: 400, height: 800 });
      expect(await findings(admin)).toEqual([]);
    });

    test('forms in dialogs have no finding of axe', async ({ admin, world }) => {
      const forms = { users: 'Add user', grants: 'Give a grant', groups: 'Add group', gateways: 'Add gateway', resources: 'Add resource', credentials: 'Add credential' };
      for (const [name, button] of Object.entries(forms)) {
        await admin.goto(`${world.web}/${name}`);
        await admin.getByRole('button', { name: button }).click();
        await expect(admin.getByRole('dialog').getByRole('button', { name: 'Cancel' })).toBeVisible();
        await expect(admin.getByRole('dialog')).toHaveCSS('opacity', '1');
        expect(await findings(admin), name).toEqual([]);
      }
    });

    for (const name of PAGES) {
      test(`${name} has no finding of axe`, async ({ admin, world }) => {
        await admin.goto(`${world.web}/${name}`);
        await expect(admin.getByRole('heading', { level: 1 })).toBeVisible();
        await expect(admin.getByRole('status', { name: 'Loading' })).toHaveCount(0);
        if (name.startsWith('explain')) await expect(admin.getByRole('region', { name: 'Decision' })).toBeVisible();
        expect(await findings(admin)).toEqual([]);
      });
    }
  });
}
