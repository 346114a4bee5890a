// FIELDS are the names that a search understands before a colon, as the help lists them.
export const FIELDS: { field: string; example: string; meaning: string }[] = [
  { field: 'user', example: 'user:alice@acme.com', meaning: 'who' },
  { field: 'resource', example: 'resource:orders', meaning: 'at which data store' },
  { field: 'class', example: 'class:write', meaning: 'read, write, ddl, session, transaction, admin or other' },
  { field: 'table', example: 'table:customers', meaning: 'a table that the statement names' },
  { field: 'session', example: 'session:0198…', meaning: 'one session, from opening to closing' },
  { field: 'verdict', example: 'verdict:deny', meaning: 'allow or deny' },
  { field: 'error', example: 'error:42P01', meaning: "the store's error code" },
  { field: 'duration', example: 'duration:>1s', meaning: 'longer or shorter than' },
  { field: 'rows', example: 'rows:>1000', meaning: 'more or fewer rows than' },
  { field: 'since', example: 'since:7d', meaning: 'not older than; until: is the other end' },
];
