import type { Role, Window } from '../../api/types';

// RoleDraft is a role as its form holds it: nothing is left out, and numbers and labels are as they are typed.
export interface RoleDraft {
  name: string;
  resources: string[];
  labels: string[];
  accounts: string[];
  groups: string[];
  admin: boolean;
  auditor: boolean;
  provisioner: boolean;
  provisionsAdmins: boolean;
  classes: string[];
  tables: string[];
  denyTables: string[];
  denyColumns: string[];
  requireWhere: boolean;
  maxRows: string;
  when: WindowDraft[];
  from: string[];
  maxSession: string;
  mfa: string;
  onRequest: boolean;
  approvers: string[];
  approvals: string;
  longest: string;
}

export type WindowDraft = Required<Window>;

export const NEW_WINDOW: WindowDraft = { days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '09:00', to: '17:00', zone: '' };

const real = (duration: string | undefined): string => (duration === '0s' ? '' : (duration ?? ''));

export function draftOf(role: Role): RoleDraft {
  const { statements, request } = role;
  return {
    name: role.name,
    resources: role.resources ?? [],
    labels: Object.entries(role.labels ?? {}).map(([key, value]) => `${key}=${value}`),
    accounts: role.accounts ?? [],
    groups: role.groups ?? [],
    admin: role.admin ?? false,
    auditor: role.auditor ?? false,
    provisioner: role.provisioner ?? false,
    provisionsAdmins: role.provisions_admins ?? false,
    classes: statements?.classes ?? [],
    tables: statements?.tables ?? [],
    denyTables: statements?.deny_tables ?? [],
    denyColumns: statements?.deny_columns ?? [],
    requireWhere: statements?.require_where ?? false,
    maxRows: statements?.max_rows ? String(statements.max_rows) : '',
    when: (role.when ?? []).map(({ days, from, to, zone }) => ({ days: days ?? [], from, to, zone: zone ?? '' })),
    from: role.from ?? [],
    maxSession: real(role.max_session),
    mfa: real(role.mfa),
    onRequest: request !== undefined,
    approvers: request?.approvers ?? [],
    approvals: String(request?.approvals ?? 0),
    longest: real(request?.max),
  };
}

// labelsOf reads labels as they are typed; one without a value has an empty one.
export function labelsOf(typed: string[]): Record<string, string> {
  return Object.fromEntries(
    typed.map((label) => {
      const at = label.indexOf('=');
      return at < 0 ? [label.trim(), ''] : [label.slice(0, at).trim(), label.slice(at + 1).trim()];
    }),
  );
}

const some = <T>(list: T[]): T[] | undefined => (list.length > 0 ? list : undefined);

// roleOf is the role that a draft describes. What is wrong with it, the server says.
export function roleOf(draft: RoleDraft): Role {
  const statements = {
    classes: some(draft.classes),
    tables: some(draft.tables),
    deny_tables: some(draft.denyTables),
    deny_columns: some(draft.denyColumns),
    require_where: draft.requireWhere || undefined,
    max_rows: draft.maxRows === '' ? undefined : Number(draft.maxRows),
  };
  return {
    name: draft.name.trim(),
    resources: some(draft.resources),
    labels: draft.labels.length > 0 ? labelsOf(draft.labels) : undefined,
    accounts: draft.accounts,
    groups: some(draft.groups),
    admin: draft.admin || undefined,
    auditor: draft.auditor || undefined,
    provisioner: draft.provisioner || undefined,
    provisions_admins: (draft.provisioner && draft.provisionsAdmins) || undefined,
    statements: Object.values(statements).some((rule) => rule !== undefined) ? statements : undefined,
    when: some(draft.when.map(({ days, from, to, zone }) => ({ days: some(days), from, to, zone: zone || undefined }))),
    from: some(draft.from),
    max_session: draft.maxSession.trim() || undefined,
    mfa: draft.mfa.trim() || undefined,
    request: draft.onRequest
      ? { approvers: some(draft.approvers), approvals: Number(draft.approvals), max: draft.longest.trim() || undefined }
      : undefined,
  };
}
