import type { Role, StatementRules, Window } from '../../api/types';

const list = (words: string[] | undefined) => (words ?? []).join(', ');
const real = (duration: string | undefined) => duration !== undefined && duration !== '' && duration !== '0s';

// windowText is a window as one says it: "mon, tue 09:00–17:30 Europe/Berlin".
export const windowText = ({ days, from, to, zone }: Window): string =>
  `${days?.length ? list(days) : 'every day'} ${from}–${to} ${zone || 'UTC'}`;

// statementTerms say what may run; without any, all that the account may.
export function statementTerms(rules: StatementRules | undefined): [string, string][] {
  const terms: [string, string | false | undefined][] = [
    ['Statements', list(rules?.classes)],
    ['Tables', list(rules?.tables)],
    ['But not tables', list(rules?.deny_tables)],
    ['But not columns', list(rules?.deny_columns)],
    ['Whole tables', rules?.require_where && 'no update or delete without WHERE'],
    ['Rows', rules?.max_rows ? `${rules.max_rows} at most` : ''],
  ];
  return terms.filter((term): term is [string, string] => Boolean(term[1]));
}

// terms say what a role gives, and on which conditions, in as many lines as there are.
export function terms(role: Role): [string, string][] {
  const labels = Object.entries(role.labels ?? {}).map(([key, value]) => `${key}=${value}`);
  const places = [
    role.resources?.includes('*') ? 'all' : list(role.resources),
    labels.length > 0 && `those with ${labels.join(', ')}`,
  ].filter(Boolean);
  const rights = [role.admin && 'admin', role.auditor && 'auditor', role.provisioner && 'provisioner'].filter(Boolean);
  const all: [string, string | false | undefined][] = [
    ['Resources', places.join('; and ')],
    ['As', role.accounts?.includes('*') ? 'every account' : list(role.accounts)],
    ...statementTerms(role.statements),
    ['When', (role.when ?? []).map(windowText).join('; ')],
    ['From', list(role.from)],
    ['Session', real(role.max_session) && `${role.max_session} at most`],
    ['Passkey', real(role.mfa) && `used within ${role.mfa}`],
    ['Here', rights.join(', ')],
  ];
  return all.filter((term): term is [string, string] => Boolean(term[1]));
}

// brief are a role's conditions in a few words, for a list.
export function brief(role: Role): string[] {
  const rule = role.request;
  return [
    ...(rule ? [rule.approvals ? `on request, ${rule.approvals} to approve` : 'on request, a reason is enough'] : []),
    ...(role.statements ? [list(role.statements.classes) || 'some statements'] : []),
    ...(role.when?.length ? ['at times'] : []),
    ...(role.from?.length ? ['from networks'] : []),
    ...(real(role.max_session) ? [`${role.max_session} a session`] : []),
    ...(real(role.mfa) ? ['passkey'] : []),
  ];
}
