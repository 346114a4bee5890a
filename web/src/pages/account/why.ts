import type { HeldRole } from '../../api/types';
import { localTime } from '../../format/time';

// why says why a role is held, in as many phrases as there are reasons.
export function why(role: HeldRole): string[] {
  return [
    ...(role.by_name ? ['given to you by name'] : []),
    ...(role.groups ?? []).map((group) => `by the group ${group}`),
    ...(role.grants ?? []).map((grant) => {
      const where = [grant.resource, grant.account && `as ${grant.account}`].filter(Boolean).join(' ');
      return `granted until ${localTime(grant.until)}${where ? ` for ${where}` : ''}`;
    }),
  ];
}

// rights says what a role gives beside resources.
export function rights(role: HeldRole): string {
  const all = [role.admin && 'admin', role.auditor && 'auditor', role.mfa && role.mfa !== '0s' && 'needs a passkey'];
  return all.filter(Boolean).join(', ') || '–';
}
