import { Button, Skeleton } from '@mantine/core';
import { IconFingerprint, IconLogin2 } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { providerHref, signInMethods, usePasskeySignIn } from '../../api/signin';
import { Failure } from '../../components/Notice';
import { Wrong } from './Frame';
import { LinkForm } from './LinkForm';
import { PasswordForm } from './PasswordForm';
import classes from './SignInPage.module.css';

// Ways offers what the server says it takes: the everyday ways first, the others on demand.
export function Ways({ returnTo, done }: { returnTo: string; done: () => void }) {
  const methods = useQuery(signInMethods);
  const passkey = usePasskeySignIn();
  const [wanted, setWanted] = useState(false);

  if (methods.isPending) return <Skeleton height={30} role="status" aria-label="Loading" />;
  if (methods.isError) {
    return <Failure what="The server does not say how to sign in" error={methods.error} retry={() => void methods.refetch()} />;
  }
  const { oidc, passkey: keys, password } = methods.data;
  const others = wanted || !oidc;
  return (
    <>
      <div className={classes.ways}>
        {oidc && (
          <Button component="a" size="sm" href={providerHref(oidc.path, returnTo)} leftSection={<IconLogin2 size={16} />}>
            Sign in with {oidc.name}
          </Button>
        )}
        {keys && (
          <Button
            size="sm"
            variant={oidc ? 'default' : 'filled'}
            leftSection={<IconFingerprint size={16} />}
            loading={passkey.isPending}
            onClick={() => passkey.mutate(undefined, { onSuccess: done })}
          >
            Sign in with a passkey
          </Button>
        )}
        <Wrong>{passkey.error?.message}</Wrong>
        {!others && (
          <Button size="sm" variant="subtle" onClick={() => setWanted(true)}>
            Other ways
          </Button>
        )}
      </div>
      {others && (
        <>
          <LinkForm done={done} divided={Boolean(oidc) || keys} />
          {password && <PasswordForm done={done} />}
        </>
      )}
    </>
  );
}
