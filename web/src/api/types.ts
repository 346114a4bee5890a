// The API's shapes. AuditEvent is written by hand after audit/event.go, whose JSON is polymorphic.

export interface List<T> {
  items: T[];
  next?: string;
}

// SideText stands for bytes too long for their record: the whole is in the journal's side file of that name.
export interface SideText {
  file: string; // SHA-256 in hex
  size: number; // bytes
  head?: string;
}

export type StatementText = string | { base64: string } | SideText;
export type Param = null | string | { hex: string } | SideText;

export type EventType =
  | 'session.start'
  | 'session.end'
  | 'session.denied'
  | 'statement'
  | 'statement.result'
  | 'admin';

export interface AuditEvent {
  seq: number;
  id: string;
  time: string;
  type: EventType;

  gateway?: string;
  session?: string;
  user?: string;
  groups?: string[];
  role?: string;
  client_addr?: string;
  entrance?: string;
  application?: string;
  resource?: string;
  protocol?: string;
  account?: string;
  login?: string;
  database?: string;
  credential?: string;

  statement?: StatementText;
  command?: string;
  prepared?: string;
  class?: string;
  tables?: string[];
  columns?: string[];
  fingerprint?: string;
  params?: Param[];
  redacted?: string[];

  verdict?: 'allow' | 'deny';
  policy?: string;
  reason?: string;

  of?: string;
  done?: boolean;
  rows?: number;
  bytes_in?: number;
  bytes_out?: number;
  duration_us?: number;
  first_row_us?: number;
  tag?: string;
  error_code?: string;
  error_message?: string;
  statements?: number;

  action?: string;
  target?: string;
  before?: string;
  after?: string;
}

export interface EventPage {
  rows: AuditEvent[] | null;
  next?: string;
  partial?: boolean;
  scanned: number;
  skipped?: number;
}

export interface Me {
  user: string;
  kind: string;
  roles?: string[] | null;
  admin?: boolean;
  auditor?: boolean;
}

export interface User {
  name: string;
  kind: string;
  groups?: string[] | null;
  roles?: string[] | null;
  suspended?: boolean;
  created?: string;
}

export interface NewUser {
  name: string;
  kind?: string;
  groups?: string[];
  roles?: string[];
}

export interface Resource {
  name: string;
  protocol: string;
  address: string;
  database?: string;
  ssl_mode?: string;
  ca?: string;
  labels?: Record<string, string>;
  durability?: string;
  accounts: Record<string, string>;
}

export interface Role {
  name: string;
  resources?: string[] | null;
  labels?: Record<string, string>;
  accounts: string[];
  groups?: string[] | null;
  admin?: boolean;
  auditor?: boolean;
}

export interface Credential {
  name: string;
  source: string;
  engine?: string;
  mount?: string;
  path?: string;
  username?: string;
}

export interface LiveSession {
  id: string;
  gateway: string;
  user: string;
  resource: string;
  protocol: string;
  account: string;
  database?: string;
  client_addr: string;
  entrance: string;
  started: string;
  statements: number;
}
