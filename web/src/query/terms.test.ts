import { describe, expect, it } from 'vitest';
import { caret, filterSense, isList, parseTerms, quote, withFilter, withoutFilter, withoutTerm } from './terms';

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
    ['user:"a b",c,d x', [['user', 'a b|c|d', false], ['', 'x', false]]],
    ['not user:a NOT b', [['user', 'a', true], ['', 'b', true]]],
    ['--x - -y', [['', '--x', false], ['', '-', false], ['', 'y', true]]],
    ['not -a', [['', 'a', false]]],
    ['not', [['', 'not', false]]],
    ['notable not(a) x', [['', 'notable', false], ['', '', true], ['', 'x', false]]],
    ['a"b c"d', [['', 'a', false], ['', 'b c', false], ['', 'd', false]]],
    ['a and b', [['', 'a', false], ['', 'b', false]]],
    ['(a or "(") -(b c) d', [['', '', false], ['', '', true], ['', 'd', false]]],
  ];
  it.each(cases)('cuts %j', (query, want) => {
    expect(parseTerms(query).map((t) => [t.field, t.values.join('|'), t.negated])).toEqual(want);
  });
});

describe('quote', () => {
  const values = ['alice', 'alice@acme.com', 'a b', 'say "hi"', 'back\\slash', '-x', 'a,b', 'ali*', '>1', 'é', 'a:b', '"', '\\"'];
  it.each(values)('keeps %j one term with the same value', (value) => {
    const terms = parseTerms(`user:${quote(value)}`);
    expect(terms).toHaveLength(1);
    expect(terms[0]?.values).toEqual([value]);
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
  ['NOT b', true],
  ['(a b)', true],
  ['(a or b) c', true],
  ['(a', false],
  ['a)', false],
  ['"a or b', true],
  ['x user:"(a"', true],
])('isList(%j) is %s', (query, want) => expect(isList(query)).toBe(want));

describe('withFilter and withoutFilter', () => {
  const searches = ['', 'refund', '(a or b) "c d"', '-user:bob x', 'not (a) y', 'user:a,b', 'say "\\"hi\\""'];
  const values = ['alice', 'a b', '"', 'back\\slash', '-x', 'a,b', 'x*', '(', 'or', 'né\n'];
  it.each(searches)('undo each other in %j', (query) => {
    for (const value of values) {
      for (const negated of [false, true]) {
        const added = withFilter(query, 'user', value, negated);
        expect(isList(added)).toBe(true);
        expect(filterSense(added, 'user', value)).toBe(negated ? 'without' : 'only');
        expect(filterSense(added, 'table', value)).toBeUndefined();
        expect(withoutFilter(added, 'user', value)).toBe(query);
      }
    }
  });
  it('leave a list of values alone', () => {
    expect(filterSense('user:a,b', 'user', 'a')).toBeUndefined();
    expect(withFilter('user:a,b', 'user', 'a')).toBe('user:a,b user:a');
  });
  it('leave a search with an or alone', () => {
    expect(withoutFilter('user:a or b', 'user', 'a')).toBe('user:a or b');
  });
});

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
