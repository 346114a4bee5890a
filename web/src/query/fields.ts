// FIELDS are the names that a search understands before a colon, as the help shows them; audit/query has them all.
export const FIELDS: { example: string; meaning: string }[] = [
  { example: 'user:alice@acme.com', meaning: 'who; user:ali* for a beginning, user:a,b for either; also group:, role:' },
  { example: 'resource:orders', meaning: 'at which data store; also database:, account:, protocol:, credential:' },
  { example: 'class:write,ddl', meaning: 'read, write, ddl, session, transaction, admin, prepare or other' },
  { example: 'table:customers', meaning: 'a table that the statement names; also column:' },
  { example: 'param:"4711"', meaning: 'a bind parameter, whole; words and phrases find parts of one' },
  { example: 'fingerprint:3f2a…', meaning: 'statements that differ in literals only' },
  { example: 'session:0198…', meaning: 'one session, from opening to closing; also id:, seq:' },
  { example: 'verdict:deny', meaning: 'allow or deny; also policy: and reason:' },
  { example: 'error:42P01', meaning: "the store's error code; error:* for any error" },
  { example: 'redacted:*', meaning: 'from which something was taken before it was recorded' },
  { example: 'duration:>1s', meaning: 'also <, >=, <= and 1s..5s; also first_row:' },
  { example: 'rows:>1000', meaning: 'returned or changed; also bytes:, bytes_in:, bytes_out: (10MB), statements:' },
  { example: 'since:7d until:1h', meaning: 'times ago, or points such as 2026-11-22T10:00 in UTC' },
  { example: 'type:session.denied', meaning: 'statement, session.start, session.end, admin; also action:, target:' },
  { example: 'client:10.20.*', meaning: 'from where; also application:, entrance:, gateway:' },
  { example: 'command:execute', meaning: "the protocol's own word; also prepared:, tag:, done:false" },
];
