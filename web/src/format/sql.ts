import { formatDialect, mariadb, postgresql } from 'sql-formatter';
import type { Language } from './language';

const DIALECTS: Partial<Record<Language, Parameters<typeof formatDialect>[1]['dialect']>> = { pgsql: postgresql, sql: mariadb };

// prettySql lays a statement out over lines for reading; it throws when it cannot follow the statement. Loaded only
// when needed: the formatter is a third of the page.
export function prettySql(text: string, language: Language): string {
  const dialect = DIALECTS[language];
  if (!dialect) throw new Error(`no layout for ${language}`);
  return formatDialect(text, { dialect, keywordCase: 'preserve', expressionWidth: 72, tabWidth: 2 });
}
