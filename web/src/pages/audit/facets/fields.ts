// FACETS are the fields whose values can be picked from a list, as people look for them: who, where, what, what came
// of it. The server counts each (audit/query RankedField).
export const FACETS = [
  { field: 'user', label: 'User' },
  { field: 'resource', label: 'Resource' },
  { field: 'class', label: 'Class' },
  { field: 'verdict', label: 'Verdict' },
  { field: 'table', label: 'Table' },
  { field: 'column', label: 'Column' },
  { field: 'error', label: 'Error' },
  { field: 'application', label: 'Application' },
  { field: 'database', label: 'Database' },
  { field: 'account', label: 'Account' },
  { field: 'group', label: 'Group' },
  { field: 'role', label: 'Role' },
  { field: 'policy', label: 'Policy' },
  { field: 'client', label: 'Client address' },
  { field: 'type', label: 'Kind of event' },
  { field: 'redacted', label: 'Redacted' },
] as const;

export const OPEN_AT_FIRST: string[] = ['user', 'resource', 'class'];
