// CLASSES are the classes of statements that a role or a token may name, as MultiSelect takes them.
export const CLASSES = [
  { group: 'Stores and files', items: ['read', 'write', 'ddl', 'admin', 'other'] },
  { group: 'SSH', items: ['shell', 'exec', 'forward', 'listen', 'agent', 'x11'] },
];
