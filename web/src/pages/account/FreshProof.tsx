import { Button, Group } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useRouter } from '@tanstack/react-router';
import { myPasskeys } from '../../api/account';
import { Problem } from '../../api/http';
import { useSignOut } from '../../api/me';
import { useStepUp } from '../../api/signin';

// asksForProof says whether the server asks for a fresh proof before it does what it was told.
export const asksForProof = (error: Error | null): boolean =>
  error instanceof Problem && error.type === 'urn:sallyport:problem:sign-in-again';

interface Props {
  error: Error | null;
  retry: () => void;
}

// FreshProof shows an error; where the server asks for a fresh proof, it offers the ways to give one.
export function FreshProof({ error, retry }: Props) {
  const keys = useQuery(myPasskeys).data?.items ?? [];
  if (!error) return null;
  return (
    <div>
      {asksForProof(error) ? (
        <Proofs message={error.message} withPasskey={keys.length > 0} retry={retry} />
      ) : (
        <p role="alert" className="bad">
          {error.message}
        </p>
      )}
    </div>
  );
}

// Proofs are gone once another try is made, and what went wrong with them.
function Proofs({ message, withPasskey, retry }: { message: string; withPasskey: boolean; retry: () => void }) {
  const stepUp = useStepUp();
  const signOut = useSignOut();
  const navigate = useNavigate();
  const router = useRouter();
  const signInAgain = () => {
    const here = router.state.location.href;
    stepUp.reset();
    signOut.mutate(undefined, { onSuccess: () => void navigate({ to: '/sign-in', search: { return_to: here } }) });
  };
  const confirm = () => {
    signOut.reset();
    stepUp.mutate(undefined, { onSuccess: retry });
  };
  return (
    <>
      <p role="alert" className="bad">
        {(stepUp.error ?? signOut.error)?.message ?? message}
      </p>
      <Group gap="xs">
        {withPasskey && (
          <Button loading={stepUp.isPending} onClick={confirm}>
            Confirm with a passkey
          </Button>
        )}
        <Button variant="default" loading={signOut.isPending} onClick={signInAgain}>
          Sign in again
        </Button>
      </Group>
    </>
  );
}
