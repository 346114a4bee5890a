import { describe, expect, it } from 'vitest';
import { isSql, languageOf } from './language';
import { prettySql } from './sql';

describe('statements', () => {
  it.each([
    ['postgres', 'pgsql', true],
    ['mysql', 'sql', true],
    ['redis', 'text', false],
    [undefined, 'text', false],
  ] as const)('of %s are %s', (protocol, language, sql) => {
    expect(languageOf(protocol)).toBe(language);
    expect(isSql(language)).toBe(sql);
  });

  it('are laid out by their own dialect', () => {
    expect(prettySql('select a::int from b where c = $1', 'pgsql')).toContain('a::int');
    expect(prettySql('select `a` from `b` where c = ? # why', 'sql')).toContain('`a`');
    expect(() => prettySql('select `a` from b', 'pgsql')).toThrow();
    expect(() => prettySql('GET a', 'text')).toThrow();
  });
});
