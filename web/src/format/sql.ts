import { formatDialect, postgresql } from 'sql-formatter';

// prettySql lays a statement out over lines for reading; it throws when it cannot follow the statement. Loaded only
// when needed: the formatter is a third of the page.
export function prettySql(text: string): string {
  return formatDialect(text, { dialect: postgresql, keywordCase: 'preserve', expressionWidth: 72, tabWidth: 2 });
}
