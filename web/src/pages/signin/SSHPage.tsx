import { Button, Group } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useLocation } from '@tanstack/react-router';
import { useState } from 'react';
import { sshLook, useApproveSSH } from '../../api/signin';
import { Failure } from '../../components/Notice';
import { Busy, Frame, Wrong } from './Frame';
import classes from './SignInPage.module.css';
import { parseSSHSignIn } from './ssh';

// SSHPage confirms that an SSH connection which waits for it may be signed in as whoever is signed in here.
export function SSHPage() {
  const secret = parseSSHSignIn(useLocation({ select: (location) => location.hash }));
  return (
    <Frame title="Sign in by SSH">
      {secret ? (
        <Confirm secret={secret} />
      ) : (
        <Wrong>This address is not whole. Connect again, and open the address that the terminal shows.</Wrong>
      )}
    </Frame>
  );
}

function Confirm({ secret }: { secret: string }) {
  const look = useQuery(sshLook(secret));
  const approve = useApproveSSH();
  const [refused, setRefused] = useState(false);

  if (refused) return <p role="status">Nobody was signed in. You may close this page.</p>;
  if (approve.isSuccess) return <p role="status">Signed in. Go on in the terminal; you may close this page.</p>;
  if (look.isPending) return <Busy>Asking about the connection…</Busy>;
  if (look.isError) {
    return <Failure what="This connection cannot be signed in" error={look.error} retry={() => void look.refetch()} />;
  }
  const { user, from, code, gateway } = look.data;
  return (
    <>
      <p>
        SSH sign-in as <strong>{user}</strong>
        {from && (
          <>
            {' '}
            from <strong>{from}</strong>
          </>
        )}{' '}
        at the gateway <strong>{gateway}</strong>? The terminal shows this code:
      </p>
      <p className={classes.code}>{code}</p>
      <p className="soft">
        Another code, another address than yours, or no connection of yours? Then somebody else wants to sign in as you: refuse.
      </p>
      <Wrong>{approve.error?.message}</Wrong>
      <Group gap="xs">
        <Button size="sm" loading={approve.isPending} onClick={() => approve.mutate(secret)}>
          Sign in the connection
        </Button>
        <Button size="sm" variant="default" onClick={() => setRefused(true)}>
          Not me
        </Button>
      </Group>
    </>
  );
}
