import { Button, Group } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { myPasskeys } from '../../api/account';
import { Problem } from '../../api/http';
import { useSignOut } from '../../api/me';
import { useStepUp } from '../../api/signin';

// FreshProof shows an error; where the server asks for a fresh proof, it offers the ways to give one.
export function FreshProof({ error, retry }: { error: Error | null; retry: () => void }) {
  const keys = useQuery(myPasskeys).data?.items ?? [];
  const stepUp = useStepUp();
  const signOut = useSignOut();
  const navigate = useNavigate();
  if (!error) return null;
  const again = error instanceof Problem && error.type === 'urn:sallyport:problem:sign-in-again';
  return (
    <div>
      <p role="alert" className="bad">
        {(stepUp.error ?? error).message}
      </p>
      {again && (
        <Group gap="xs">
          {keys.length > 0 && (
            <Button loading={stepUp.isPending} onClick={() => stepUp.mutate(undefined, { onSuccess: retry })}>
              Confirm with a passkey
            </Button>
          )}
          <Button
            variant="default"
            loading={signOut.isPending}
            onClick={() =>
              signOut.mutate(undefined, {
                onSuccess: () => void navigate({ to: '/sign-in', search: { return_to: '/account' } }),
              })
            }
          >
            Sign in again
          </Button>
        </Group>
      )}
    </div>
  );
}
