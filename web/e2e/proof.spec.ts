import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, rows, search, test } from './world';

interface Proof {
  format: string;
  inclusions: { record: string }[];
}

test('an event is proven on demand, and anybody can check it with the command that is shown', async ({ admin }, info) => {
  await search(admin, 'user:bob@acme.com "like \'parcel"');
  await rows(admin).getByText('select id, reason').click();
  const proof = admin.getByRole('region', { name: 'Proof' });
  await proof.getByRole('button', { name: 'Prove this event' }).click();
  await expect(proof.getByRole('status')).toHaveText(/^This is record number [\d,]+ in the log .*, with its result as number [\d,]+, proven by the checkpoint of size [\d,]+ signed at \d{4}-/);

  const begun = admin.waitForEvent('download');
  await proof.getByRole('button', { name: /^Download proof-/ }).click();
  const download = await begun;
  const path = info.outputPath(download.suggestedFilename());
  await download.saveAs(path);
  const held = JSON.parse(readFileSync(path, 'utf8')) as Proof;
  expect(held.format).toMatch(/^sallyport-proof\//);
  expect(held.inclusions[0]?.record).toContain("like 'parcel%'");

  const command = await proof.locator('code').innerText();
  const [, key = ''] = /--key '([^']+)'$/.exec(command) ?? [];
  expect(command).toContain(`sally audit check ${download.suggestedFilename()}`);
  execFileSync(process.env.SALLY_BIN ?? '', ['audit', 'check', path, '--key', key], { stdio: 'pipe' });
});
