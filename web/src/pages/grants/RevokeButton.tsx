import { useMayChange } from '../../api/me';
import { useRevokeGrant } from '../../api/grants';
import type { Grant } from '../../api/types';
import { ConfirmButton } from '../../components/ConfirmButton';
import { isOver } from './state';

// RevokeButton ends a grant before its time.
export function RevokeButton({ grant }: { grant: Grant }) {
  const revoke = useRevokeGrant();
  if (!useMayChange() || isOver(grant)) return null;
  return (
    <ConfirmButton
      label="Revoke"
      title={`Revoke ${grant.user}'s grant of ${grant.role}?`}
      danger
      pending={revoke.isPending}
      error={revoke.error}
      act={(done) => revoke.mutate(grant.id, { onSuccess: done })}
    >
      Sessions that it alone let in are cut at once.
    </ConfirmButton>
  );
}
