import { describe, expect, it } from 'vitest';
import { caret, isList, parseTerms, quote, withFilter, withoutTerm } from './terms';

describe('parseTerms', () => {
  const cases: [string, [string, string, boolean][]][] = [
    ['', []],
    ['   ', []],
    ['refund', [['', 'refund', false]]],
    ['user:alice "drop  table"', [['user', 'alice', false], ['', 'drop  table', false]]],
    ['-class:read -noise', [['class', 'read', true], ['', 'noise', true]]],
    ['duration:>1s', [['duration', '>1s', false]]],
    ['table:"my table" x', [['table', 'my table', false], ['', 'x', false]]],
    ['"say \\"hi\\"" b', [['', 'say "hi"', false], ['', 'b', false]]],
    ['"never closed x', [['', 'never closed x', false]]],
    ['User:Alice', [['user', 'Alice', false]]],
    ['"a\\d"', [['', 'a\\d', false]]],
    ['- user: ::', [['', '-', false], ['', 'user:', false], ['', '::', false]]],
    ['user:', [['', 'user:', false]]],
  ];
  it.each(cases)('cuts %j', (query, want) => {
    expect(parseTerms(query).map((t) => [t.field, t.value, t.negated])).toEqual(want);
  });
});

describe('quote', () => {
  const values = ['alice', 'alice@acme.com', 'a b', 'say "hi"', 'back\\slash', '-x', 'a,b', 'ali*', '>1', 'é', 'a:b', '"', '\\"'];
  it.each(values)('keeps %j one term with the same value', (value) => {
    const terms = parseTerms(`user:${quote(value)}`);
    expect(terms).toHaveLength(1);
    expect(terms[0]?.value).toBe(value);
  });
});

describe('withFilter', () => {
  it('adds a term at the end', () => {
    expect(withFilter('refund', 'user', 'alice')).toBe('refund user:alice');
  });
  it('does not repeat a term', () => {
    expect(withFilter('user:alice x', 'user', 'alice')).toBe('x user:alice');
  });
  it('replaces the opposite term', () => {
    expect(withFilter('user:alice', 'user', 'alice', true)).toBe('-user:alice');
  });
  it('keeps other values of the field', () => {
    expect(withFilter('-user:bob', 'user', 'eve', true)).toBe('-user:bob -user:eve');
  });
});

it.each([
  ['user:alice "a or (b)" -c', true],
  ['', true],
  ['a or b', false],
  ['NOT b', false],
  ['(a b)', false],
  ['x user:"(a"', true],
])('isList(%j) is %s', (query, want) => expect(isList(query)).toBe(want));

it('a filter holds for all of a search with or in it', () => {
  expect(withFilter('a or b', 'user', 'alice')).toBe('(a or b) user:alice');
});

it('withoutTerm drops one term', () => {
  expect(withoutTerm('a "b c" user:d', 1)).toBe('a user:d');
});

describe('caret', () => {
  it('counts bytes, not characters', () => {
    expect(caret('é foo:x', 3, 3)).toEqual(['é ', 'foo', ':x']);
  });
  it('marks at least one character', () => {
    expect(caret('abc', 1, 0)).toEqual(['a', 'b', 'c']);
  });
  it('stays within the text', () => {
    expect(caret('abc', 9, 5)).toEqual(['abc', '', '']);
  });
});
