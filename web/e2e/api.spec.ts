import { readFileSync } from 'node:fs';
import { expect, test } from './world';

test("the pages' types were made from this server's API", async ({ request, world }) => {
  const served = (await (await request.get(`${world.web}/api/v1/openapi.json`)).json()) as unknown;
  const kept = JSON.parse(readFileSync('openapi.json', 'utf8')) as unknown;
  expect(kept, 'run: make generate').toEqual(served);
});
