import { Button, Group, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useLocation } from '@tanstack/react-router';
import { useState } from 'react';
import { sshLook, useApproveSSH, useRefuseSSH } from '../../api/signin';
import type { SSHSignIn } from '../../api/types';
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
  const approve = useApproveSSH(secret);
  const refuse = useRefuseSSH(secret);
  const [code, setCode] = useState('');

  if (refuse.isSuccess) return <p role="status">Nobody was signed in, and the connection was turned away. You may close this page.</p>;
  if (approve.isSuccess) return <p role="status">Signed in. Go on in the terminal; you may close this page.</p>;
  if (look.isPending) return <Busy>Asking about the connection…</Busy>;
  if (look.isError) {
    return <Failure what="This connection cannot be signed in" error={look.error} retry={() => void look.refetch()} />;
  }
  const { user, same, gateway } = look.data;
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault();
        approve.mutate(same ? undefined : code.trim());
      }}
    >
      <p>
        SSH sign-in as <strong>{user}</strong> at the gateway <strong>{gateway}</strong>?
      </p>
      <Addresses signIn={look.data} />
      {same ? (
        <>
          <p>The terminal shows this code:</p>
          <p className={classes.code}>{look.data.code}</p>
          <p className="soft">Another code, or no connection of yours? Then somebody else wants to sign in as you: refuse.</p>
        </>
      ) : (
        <TextInput
          label="The code that your terminal shows" placeholder="ABCD-EFGH" required autoComplete="off" spellCheck={false} mb="sm" w={220}
          value={code} onChange={(e) => setCode(e.currentTarget.value)}
        />
      )}
      <Wrong>{approve.error?.message ?? refuse.error?.message}</Wrong>
      <Group gap="xs">
        <Button size="sm" type="submit" loading={approve.isPending} disabled={!same && code.trim() === ''}>
          Sign in the connection
        </Button>
        <Button size="sm" variant="default" loading={refuse.isPending} onClick={() => refuse.mutate()}>
          Not me: refuse
        </Button>
      </Group>
    </form>
  );
}

// Addresses says where the SSH client is, and where whoever looks at this page is. A link that was sent by somebody else shows here.
function Addresses({ signIn: { from, viewer, same } }: { signIn: SSHSignIn }) {
  if (same) {
    return (
      <p>
        The SSH client is at your own address, <strong>{viewer}</strong>.
      </p>
    );
  }
  return (
    <div role="alert" className={classes.warning}>
      <p>
        You are at <strong>{viewer}</strong>; the SSH client is at <strong>{from ?? 'an address that is not known'}</strong>.
      </p>
      <p>
        If you did not start this connection yourself, refuse: who sent you this link would be signed in as you. If you did, type the code from
        your own terminal, and never one that somebody has sent you.
      </p>
    </div>
  );
}
