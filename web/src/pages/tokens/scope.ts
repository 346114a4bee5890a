import type { Token } from '../../api/types';

// opens says in words what a token opens.
export function opens(scope: Token['scope']): string {
  const list = (words: string[] | undefined) => words?.join(', ');
  const parts = [
    list(scope?.resources) ?? 'all that its user may',
    scope?.accounts?.length && `as ${list(scope.accounts)}`,
    scope?.statements?.length && `${list(scope.statements)} only`,
    scope?.from?.length && `from ${list(scope.from)}`,
  ];
  return parts.filter(Boolean).join(', ');
}

// expiryOf is the moment that many days ahead, as the API takes it.
export const expiryOf = (days: number, now = Date.now()): string => new Date(now + days * 86_400_000).toISOString();

export const isOver = (expires: string | undefined, now = Date.now()): boolean =>
  expires !== undefined && Date.parse(expires) <= now;
