// FIELDS are the names that a search understands before a colon, as the help shows them; audit/query has them all.
export const FIELDS: { example: string; meaning: string }[] = [
  { example: 'user:alice@acme.com', meaning: 'who; user:ali* for a beginning, user:a,b for either' },
  { example: 'resource:orders', meaning: 'at which data store; also database:, account:' },
  { example: 'class:write,ddl', meaning: 'read, write, ddl, session, transaction, admin or other' },
  { example: 'table:customers', meaning: 'a table that the statement names' },
  { example: 'session:0198…', meaning: 'one session, from opening to closing' },
  { example: 'verdict:deny', meaning: 'allow or deny' },
  { example: 'error:42P01', meaning: "the store's error code; error:* for any error" },
  { example: 'duration:>1s', meaning: 'also <, >=, <= and 1s..5s' },
  { example: 'rows:>1000', meaning: 'returned or changed; also bytes:' },
  { example: 'since:7d until:1h', meaning: 'times ago, or points such as 2026-11-22T10:00 in UTC' },
  { example: 'type:session.denied', meaning: 'statement, session.start, session.end, admin' },
  { example: 'client:10.20.*', meaning: 'from where; also application:, entrance:, gateway:' },
];
