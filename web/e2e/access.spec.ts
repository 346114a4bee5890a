import { readFileSync } from 'node:fs';
import { api } from './sally';
import { expect, runSql, signedIn, test, type World } from './world';

// onRequest makes a role that the user may ask for and its lead approves, and gives the user nothing else.
async function onRequest(world: World, role: string, user: string): Promise<void> {
  const put = (path: string, body: object) => api(world.socket, 'PUT', path, body);
  await put(`/roles/${role}-leads`, { name: `${role}-leads`, accounts: [] });
  await put(`/roles/${role}`, {
    name: role, resources: ['orders'], accounts: ['postgres'], request: { approvers: [`${role}-leads`], approvals: 1, max: '4h' },
    statements: { classes: ['read'] },
  });
  await put(`/users/${user}`, { name: user, roles: [role] });
  await put(`/users/lead-of-${role}`, { name: `lead-of-${role}`, roles: [`${role}-leads`] });
}

test('one asks, another approves, it opens, an admin revokes, and it is closed', async ({ admin, world, browser }) => {
  await onRequest(world, 'refunds', 'erin@acme.com');
  world.tokens['erin@acme.com'] = (await api<{ token: string }>(world.socket, 'POST', '/tokens', { user: 'erin@acme.com' })).token;
  await expect(runSql(world, 'erin@acme.com', 'select 1')).rejects.toThrow(/asked for|request/);

  const erin = await signedIn(browser, world, 'erin@acme.com');
  await expect(erin).toHaveURL(/\/requests/);
  await expect(erin.getByRole('navigation', { name: 'Pages' }).getByRole('link')).toHaveText(['Requests']);
  await erin.getByRole('button', { name: 'Ask for access' }).click();
  const ask = erin.getByRole('dialog');
  await ask.getByRole('combobox', { name: 'Resource' }).click();
  await erin.getByRole('option', { name: 'orders' }).click();
  await expect(ask.getByText('1 of refunds-leads')).toBeVisible();
  await ask.getByRole('textbox', { name: 'Reason' }).fill('  ');
  await ask.getByRole('button', { name: 'Ask', exact: true }).click();
  await expect(ask.getByText(/say why you need it/)).toBeVisible();
  await ask.getByRole('textbox', { name: 'Reason' }).fill('refund of ticket 42');
  await ask.getByRole('combobox', { name: 'For' }).click();
  await erin.getByRole('option', { name: '2h' }).click();
  await ask.getByRole('button', { name: 'Ask', exact: true }).click();
  const mine = erin.getByRole('row').filter({ hasText: 'refund of ticket 42' });
  await expect(mine).toContainText('waits for 1 more to approve');

  const lead = await signedIn(browser, world, 'lead-of-refunds');
  const nav = lead.getByRole('navigation', { name: 'Pages' });
  await expect(nav.getByRole('img', { name: '1 to decide' })).toBeVisible();
  await lead.getByRole('link', { name: 'To decide (1)' }).click();
  const waiting = lead.getByRole('row').filter({ hasText: 'refund of ticket 42' });
  await waiting.getByRole('button', { name: /^Decide on erin/ }).click();
  const decide = lead.getByRole('dialog');
  await expect(decide.getByRole('region', { name: 'What refunds gives' })).toContainText('read');
  await decide.getByRole('textbox', { name: 'Comment' }).fill('mind the auditors');
  await decide.getByRole('button', { name: 'Approve' }).click();
  await expect(decide).toBeHidden();
  await expect(lead.getByText('Nothing waits for you')).toBeVisible();
  await expect(nav.getByRole('img')).toHaveCount(0);

  await expect(mine).toContainText(/open, .* left/); // by itself: the page follows
  await mine.getByRole('link', { name: 'orders' }).click();
  await expect(erin.getByText('lead-of-refunds: mind the auditors')).toBeVisible();
  await runSql(world, 'erin@acme.com', 'select 1');
  await expect(runSql(world, 'erin@acme.com', 'create table no (n int)')).rejects.toThrow();

  await admin.getByRole('link', { name: 'Grants' }).click();
  await expect(admin.getByRole('heading', { name: 'Grants' })).toBeVisible();
  const grant = admin.getByRole('row').filter({ hasText: 'erin@acme.com' });
  await expect(grant).toContainText('lead-of-refunds');
  await grant.getByRole('button', { name: /^Revoke/ }).click();
  await admin.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await expect(grant).toHaveCount(0);
  await expect(runSql(world, 'erin@acme.com', 'select 1')).rejects.toThrow();
  await expect(erin.getByText('It was approved; the grant has ended.')).toBeVisible();
  await erin.context().close();
  await lead.context().close();
});

test('a request is denied with a comment, another is withdrawn, and auditors see both', async ({ admin, world, browser }) => {
  await onRequest(world, 'stock', 'finn@acme.com');
  const finn = await signedIn(browser, world, 'finn@acme.com');
  for (const reason of ['no good reason', 'a slip of the pen']) {
    await finn.getByRole('button', { name: 'Ask for access' }).click();
    const ask = finn.getByRole('dialog');
    if (reason.startsWith('a')) {
      await ask.getByRole('combobox', { name: 'Resource' }).click();
      await finn.getByRole('option', { name: 'orders' }).click();
    }
    await ask.getByRole('textbox', { name: 'Reason' }).fill(reason);
    await ask.getByRole('button', { name: 'Ask', exact: true }).click();
    await expect(ask).toBeHidden();
  }
  const slip = finn.getByRole('row').filter({ hasText: 'a slip of the pen' });
  await slip.getByRole('button', { name: /^Withdraw/ }).click();
  await finn.getByRole('dialog').getByRole('button', { name: 'Withdraw' }).click();
  await expect(slip).toContainText('withdrawn');

  const { items } = await api<{ items: { id: string; reason: string }[] }>(world.socket, 'GET', '/requests?user=finn@acme.com');
  const id = items.find(({ reason }) => reason === 'no good reason')?.id ?? '';
  const lead = await signedIn(browser, world, 'lead-of-stock');
  await lead.goto(`${world.web}/requests/${id}`);
  await lead.getByRole('textbox', { name: 'Comment' }).fill('ask for less');
  await lead.getByRole('button', { name: 'Deny' }).click();
  await expect(lead.getByText('It is denied.')).toBeVisible();

  await admin.goto(`${world.web}/requests?view=history`);
  await expect(admin.getByRole('row').filter({ hasText: 'no good reason' })).toContainText('denied');
  await expect(admin.getByRole('row').filter({ hasText: 'a slip of the pen' })).toContainText('withdrawn');
  await finn.context().close();
  await lead.context().close();
});

test('a role is made and changed; what the server refuses stands at its field', async ({ admin }) => {
  await admin.getByRole('link', { name: 'Roles' }).click();
  await admin.getByRole('link', { name: 'Add role' }).click();
  await admin.getByRole('textbox', { name: 'Name' }).fill('night-readers');
  const resources = admin.getByRole('combobox', { name: 'Resources' });
  await resources.fill('orders');
  await resources.press('Enter');
  await admin.getByRole('button', { name: 'Create the role' }).click();
  const accounts = admin.getByRole('combobox', { name: 'Accounts' });
  await expect(accounts).toBeFocused();
  await expect(accounts).toHaveAttribute('aria-invalid', 'true');
  await expect(admin.getByText(/name at least one account/)).toBeVisible();
  await accounts.fill('postgres');
  await accounts.press('Enter');
  await admin.getByRole('textbox', { name: 'A passkey was used within' }).fill('soon');
  await expect(admin.getByRole('textbox', { name: 'A passkey was used within' })).toHaveAttribute('aria-invalid', 'true');
  await admin.getByRole('textbox', { name: 'A passkey was used within' }).fill('');
  await admin.getByRole('button', { name: 'Create the role' }).click();
  await expect(admin.getByRole('heading', { name: 'night-readers' })).toBeVisible();

  await admin.getByRole('button', { name: 'Add a window' }).click();
  const window = admin.getByRole('group', { name: 'Window 1' });
  await window.getByRole('textbox', { name: 'Time zone' }).fill('Mars/Olympus');
  await admin.getByRole('button', { name: 'Save' }).click();
  await expect(admin.getByText(/no time zone "Mars\/Olympus"/)).toBeVisible();
  await window.getByRole('textbox', { name: 'Time zone' }).fill('Europe/Berlin');
  await admin.getByRole('checkbox', { name: /without WHERE/ }).check();
  await admin.getByRole('button', { name: 'Save' }).click();
  await expect(admin.getByText('mon, tue, wed, thu, fri 09:00–17:00 Europe/Berlin')).toBeVisible();
  await expect(admin.getByText('no update or delete without WHERE')).toBeVisible();

  await admin.getByRole('button', { name: 'Remove the role night-readers' }).click();
  await admin.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await expect(admin).toHaveURL(/\/roles$/);
  await expect(admin.getByRole('row').filter({ hasText: 'night-readers' })).toHaveCount(0);
});

test('a user is suspended with a receipt that can be downloaded as it was signed', async ({ admin, world }) => {
  await api(world.socket, 'PUT', '/users/gina@acme.com', { name: 'gina@acme.com', roles: ['engineer'] });
  world.tokens['gina@acme.com'] = (await api<{ token: string }>(world.socket, 'POST', '/tokens', { user: 'gina@acme.com' })).token;
  await admin.goto(`${world.web}/users/gina@acme.com`);
  const access = admin.getByRole('region', { name: 'What they may open' });
  await expect(access.getByRole('row').filter({ hasText: 'orders' })).toContainText('role:engineer');
  const running = runSql(world, 'gina@acme.com', 'select pg_sleep(60)').then(() => 'ran to its end', () => 'cut');
  await expect(admin.getByRole('region', { name: 'Open sessions' }).getByRole('row').filter({ hasText: 'orders' })).toHaveCount(1);

  // The receipt waits for nothing that is read again.
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await admin.route(/\/users\/[^/]+\/access/, (route) => held.then(() => route.continue()));
  await admin.getByRole('button', { name: 'Suspend gina@acme.com' }).click();
  await admin.getByRole('dialog').getByRole('button', { name: 'Suspend' }).click();
  const receipt = admin.getByRole('dialog', { name: 'gina@acme.com is suspended' });
  await expect(receipt.getByRole('status')).toContainText(/Every gateway has confirmed: 1 session cut within \d+ ms/);
  await expect(admin.getByRole('button', { name: 'Reinstate gina@acme.com', includeHidden: true })).toBeAttached();
  await expect(admin.getByRole('dialog')).toHaveCount(1);
  release();
  expect(await running).toBe('cut');
  const downloading = admin.waitForEvent('download');
  await receipt.getByRole('link', { name: 'Download, signed' }).click();
  const file = await (await downloading).path();
  const signed = JSON.parse(readFileSync(file, 'utf8')) as { payload: { user: string }; signature: string };
  expect(signed.payload.user).toBe('gina@acme.com');
  expect(signed.signature).not.toBe('');
  await receipt.getByRole('button', { name: 'Done' }).click();

  await expect(admin.getByText('Nothing: they are suspended.')).toBeVisible();
  await admin.getByRole('link', { name: 'Receipts' }).click();
  await admin.getByRole('row').filter({ hasText: 'gina@acme.com' }).getByRole('link').first().click();
  await expect(admin.getByRole('table', { name: 'Sessions that were cut' })).toContainText('orders');
  await admin.goto(`${world.web}/users/gina@acme.com`);
  await admin.getByRole('button', { name: 'Reinstate gina@acme.com' }).click();
  await admin.getByRole('dialog').getByRole('button', { name: 'Reinstate' }).click();
  await expect(access.getByRole('row').filter({ hasText: 'orders' })).toContainText('yes');

  // Her laptop was lost: she signs in anew.
  await admin.getByRole('button', { name: 'Sign out everywhere: gina@acme.com' }).click();
  await admin.getByRole('dialog').getByRole('button', { name: 'Sign out everywhere' }).click();
  const lost = admin.getByRole('dialog', { name: 'gina@acme.com is signed out' });
  await expect(lost).toContainText('signed out everywhere');
  await lost.getByRole('button', { name: 'Done' }).click();
  expect(await runSql(world, 'gina@acme.com', 'select 1').then(() => 'let in', () => 'refused')).toBe('refused');
});

test('a policy that is wrong is refused at its line; a right one decides, and explain says so', async ({ admin, world }) => {
  await admin.getByRole('link', { name: 'Policies' }).click();
  await admin.getByRole('link', { name: 'Add policy' }).click();
  await admin.getByRole('textbox', { name: 'Name' }).fill('no-bob');
  const text = admin.getByRole('textbox', { name: 'Cedar' });
  await text.fill('// bob is away\n@reason("bob is away")\nforbid (principal == User::"bob@acme.com", action, resource) when { nonsense };');
  await admin.getByRole('button', { name: 'Create the policy' }).click();
  await expect(admin.getByRole('alert')).toContainText('policy no-bob, line 3');
  await expect(text).toBeFocused();
  expect(await text.evaluate((box: HTMLTextAreaElement) => box.value.slice(box.selectionStart, box.selectionEnd))).toContain('nonsense');
  await text.fill('// bob is away\n@reason("bob is away")\nforbid (principal == User::"bob@acme.com", action, resource);');
  await admin.getByRole('button', { name: 'Create the policy' }).click();
  await expect(admin.getByText('In effect.')).toBeVisible();

  await admin.getByRole('link', { name: 'Explain', exact: true }).click();
  await admin.getByRole('combobox', { name: 'User' }).click();
  await admin.getByRole('option', { name: 'bob@acme.com' }).click();
  await admin.getByRole('combobox', { name: 'Resource' }).click();
  await admin.getByRole('option', { name: 'orders' }).click();
  await admin.getByRole('textbox', { name: 'Statement' }).fill('select * from refunds');
  await admin.getByRole('button', { name: 'Explain' }).click();
  const decision = admin.getByRole('region', { name: 'Decision' });
  await expect(decision.getByRole('status')).toContainText('denied');
  await expect(decision.getByRole('row').filter({ hasText: 'policy:no-bob#1' })).toContainText('bob is away');
  await expect(decision.getByRole('row').filter({ hasText: 'role:engineer' })).toContainText('permit');
  await expect(admin).toHaveURL(/user=bob.*statement=select/); // it can be shared

  await admin.getByRole('link', { name: 'Policies' }).click();
  await admin.getByRole('button', { name: 'Disable the policy no-bob' }).click();
  await admin.getByRole('dialog').getByRole('button', { name: 'Disable' }).click();
  await expect(admin.getByRole('row').filter({ hasText: 'no-bob' })).toContainText('disabled');
  await runSql(world, 'bob@acme.com', 'select 1');
  await admin.goto(`${world.web}/explain?user=bob@acme.com&resource=orders`);
  await expect(decision.getByRole('status')).toContainText('allowed');

  // What is asked again is decided again, also where a field was typed and cleared.
  await admin.getByRole('textbox', { name: 'From the address' }).fill('10.1.2.3');
  await admin.getByRole('textbox', { name: 'From the address' }).fill('');
  const again = admin.waitForRequest('**/access/explain');
  await admin.getByRole('button', { name: 'Explain' }).click();
  expect((await again).postDataJSON()).toEqual({ user: 'bob@acme.com', resource: 'orders' });
  await expect(decision.getByRole('status')).toContainText('allowed');
});

test('a grant is given directly, and opens', async ({ admin, world }) => {
  await api(world.socket, 'PUT', '/users/hugo@acme.com', { name: 'hugo@acme.com' });
  world.tokens['hugo@acme.com'] = (await api<{ token: string }>(world.socket, 'POST', '/tokens', { user: 'hugo@acme.com' })).token;
  await admin.getByRole('link', { name: 'Grants' }).click();
  await admin.getByRole('button', { name: 'Give a grant' }).click();
  const dialog = admin.getByRole('dialog');
  await dialog.getByRole('combobox', { name: 'User' }).fill('hugo');
  await admin.getByRole('option', { name: 'hugo@acme.com' }).click();
  await dialog.getByRole('combobox', { name: 'Role' }).fill('engineer');
  await admin.getByRole('option', { name: 'engineer' }).click();
  await dialog.getByRole('textbox', { name: 'For' }).fill('9000d');
  await dialog.getByRole('button', { name: 'Give it' }).click();
  await expect(dialog.getByRole('textbox', { name: 'For' })).toHaveAttribute('aria-invalid', 'true');
  await expect(dialog.getByText(/366 days/)).toBeVisible();
  await dialog.getByRole('textbox', { name: 'For' }).fill('30m');
  await dialog.getByRole('button', { name: 'Give it' }).click();
  await expect(admin.getByRole('row').filter({ hasText: 'hugo@acme.com' })).toContainText('29 min left');
  await runSql(world, 'hugo@acme.com', 'select 1');
});

test('resources, credentials and gateways are kept; secrets go in and are never shown', async ({ admin }) => {
  await admin.getByRole('link', { name: 'Credentials' }).click();
  await admin.getByRole('button', { name: 'Add credential' }).click();
  const dialog = admin.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'Name' }).fill('stock-app');
  await dialog.getByRole('button', { name: 'Add credential' }).click();
  await admin.getByRole('button', { name: 'Set the value of stock-app' }).click();
  await dialog.getByLabel('Password').fill('a value that is not shown');
  await dialog.getByRole('button', { name: 'Set the value' }).click();
  await expect(dialog).toBeHidden();
  await admin.reload();
  await expect(admin.getByRole('row').filter({ hasText: 'stock-app' })).toContainText('sealed');
  expect(await admin.content()).not.toContain('a value that is not shown');

  await admin.getByRole('link', { name: 'Resources' }).click();
  await admin.getByRole('button', { name: 'Add resource' }).click();
  await dialog.getByRole('textbox', { name: 'Name' }).fill('stock');
  await dialog.getByRole('textbox', { name: 'Address' }).fill('nowhere');
  await dialog.getByRole('button', { name: 'Add an account' }).click();
  await dialog.getByRole('textbox', { name: 'Account 1' }).fill('app');
  await dialog.getByRole('combobox', { name: 'Credential 1' }).click();
  await admin.getByRole('option', { name: 'stock-app' }).click();
  await dialog.getByRole('button', { name: 'Add resource' }).click();
  await expect(dialog.getByRole('textbox', { name: 'Address' })).toHaveAttribute('aria-invalid', 'true');
  await dialog.getByRole('textbox', { name: 'Address' }).fill('127.0.0.1:5432');
  await dialog.getByRole('button', { name: 'Add resource' }).click();
  await expect(admin.getByRole('row').filter({ hasText: 'stock' })).toContainText('app ← stock-app');

  await admin.getByRole('link', { name: 'Gateways' }).click();
  await admin.getByRole('button', { name: 'Add gateway' }).click();
  await dialog.getByRole('textbox', { name: 'Name' }).fill('east');
  await dialog.getByRole('textbox', { name: 'Tunnel' }).fill('east.acme.com:8444');
  await dialog.getByRole('button', { name: 'Add gateway' }).click();
  const east = admin.getByRole('row').filter({ hasText: 'east' });
  await expect(east).toContainText('has not joined yet');
  await east.getByRole('button', { name: 'Make a join token for east' }).click();
  await dialog.getByRole('button', { name: 'Join token' }).click();
  await expect(dialog.getByRole('status')).toContainText('shown this once');
  await dialog.getByRole('button', { name: 'I have it' }).click();
  await east.getByRole('button', { name: 'Drain the gateway east' }).click();
  await dialog.getByRole('button', { name: 'Drain' }).click();
  await expect(east).toContainText('draining');
  await east.getByRole('button', { name: 'Remove the gateway east' }).click();
  await dialog.getByRole('button', { name: 'Remove' }).click();
  await expect(east).toHaveCount(0);
});
