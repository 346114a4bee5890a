import { readFileSync } from 'node:fs';
import { expect, test } from './world';

interface Description {
  info: { version: string };
}

test("the pages' types were made from this server's API", async ({ request, world }) => {
  const served = (await (await request.get(`${world.web}/api/v1/openapi.json`)).json()) as Description;
  const kept = JSON.parse(readFileSync('openapi.json', 'utf8')) as Description;
  served.info.version = kept.info.version;
  expect(kept, 'save what /api/v1/openapi.json serves as web/openapi.json, then: npm run generate').toEqual(served);
});
