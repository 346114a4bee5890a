import { useMayChange } from '../../api/me';
import type { User } from '../../api/types';
import { useReinstateUser, useSuspendUser } from '../../api/users';
import { ConfirmButton } from '../../components/ConfirmButton';
import { plural } from '../../format/amount';

// SuspendButton takes a user's access away, or gives it back.
export function SuspendButton({ user }: { user: User }) {
  const suspend = useSuspendUser();
  const reinstate = useReinstateUser();
  const change = user.suspended ? reinstate : suspend;
  if (!useMayChange()) return null;
  const receipt = user.suspended && suspend.data;
  return (
    <>
    <ConfirmButton
      label={user.suspended ? 'Reinstate' : 'Suspend'}
      title={`${user.suspended ? 'Reinstate' : 'Suspend'} ${user.name}?`}
      danger={!user.suspended}
      pending={change.isPending}
      error={change.error}
      act={(done) => change.mutate(user.name, { onSuccess: done })}
    >
      {user.suspended
        ? 'They can open resources again, as their roles say. Sessions that were cut stay cut.'
        : 'Their open sessions are cut at once, and no new one is let through until they are reinstated.'}
    </ConfirmButton>
    {receipt && <span role="status" className="soft"> {plural(receipt.sessions_killed, 'session')} cut</span>}
    </>
  );
}
