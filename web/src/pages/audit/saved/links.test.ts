import { describe, expect, it } from 'vitest';
import { quote } from '../../../query/terms';
import { validateAuditSearch } from '../search';
import { kept, linkOf, readSaved, renamed, sameView, STARTING_POINTS, withoutSaved, withSaved, writesBy } from './links';

const read = (text: string | undefined) => readSaved(text, validateAuditSearch);
const a = { name: 'a', view: { q: 'user:alice' } };
const b = { name: 'b', view: { q: 'x', from: '-1h' } };

describe('readSaved', () => {
  it('reads what was written', () => expect(read(JSON.stringify([a, b]))).toEqual([a, b]));
  it.each([undefined, '', 'null', '{}', '[', '[1, null, {"name":""}, {"name":"x"}, {"name":"x","view":7}]'])('is empty for %j', (text) =>
    expect(read(text)).toEqual([]),
  );
  it('takes only parameters that the page knows', () => {
    expect(read('[{"name":"x","view":{"q":"y","from":"nonsense","event":"1","live":"on","view":"statements","z":1}}]')).toEqual([
      { name: 'x', view: { q: 'y', view: 'statements' } },
    ]);
  });
});

it('a link leads back to the same view', () => {
  const view = { q: 'table:"my table" "100 %" a&b', from: '-1h', by: 'rows' as const, view: 'statements' as const };
  const link = new URL(linkOf(view), 'http://host');
  expect(kept(validateAuditSearch(Object.fromEntries(link.searchParams)))).toEqual(view);
  expect(linkOf({})).toBe('/audit');
});

it('what belongs to the moment is no part of a saved view', () => {
  expect(sameView({ q: 'a', event: '1', live: 'on' }, { q: 'a', from: undefined })).toBe(true);
  expect(sameView({ q: 'a' }, { q: 'a', from: '-1h' })).toBe(false);
});

it('saving, renaming, deleting', () => {
  expect(withSaved([a, b], { name: 'a', view: { q: 'z' } })).toEqual([b, { name: 'a', view: { q: 'z' } }]);
  expect(withoutSaved([a, b], 'a')).toEqual([b]);
  expect(renamed([a, b], 'a', 'c')).toEqual([{ ...a, name: 'c' }, b]);
  expect(renamed([a, b], 'a', 'b')).toEqual([{ ...a, name: 'b' }]);
  expect(renamed([a, b], 'a', 'a')).toEqual([a, b]);
});

it('starting points are views that the page keeps as they are', () => {
  for (const { view } of STARTING_POINTS) expect(kept(validateAuditSearch({ ...view }))).toEqual(view);
});

it('service accounts are quoted where they must be', () => {
  expect(writesBy([], quote)).toBeUndefined();
  expect(writesBy(['etl', 'a b'], quote)?.view.q).toBe('class:write user:etl,"a b"');
});
