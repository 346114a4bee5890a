import { useMayChange } from '../../api/me';
import { useKillSession } from '../../api/sessions';
import type { LiveSession } from '../../api/types';
import { ConfirmButton } from '../../components/ConfirmButton';

// KillButton ends a session that is open, for those who may.
export function KillButton({ session }: { session: Pick<LiveSession, 'id' | 'user' | 'resource'> }) {
  const kill = useKillSession();
  if (!useMayChange()) return null;
  return (
    <ConfirmButton
      label="Kill"
      title={`Kill the session of ${session.user} on ${session.resource}?`}
      danger
      pending={kill.isPending}
      error={kill.error}
      act={(done) => kill.mutate(session.id, { onSuccess: done })}
    >
      The connection is cut at once; what it was running is cancelled. {session.user} may connect again: to prevent that,
      suspend them.
    </ConfirmButton>
  );
}
