import { Button, Group } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useLocation } from '@tanstack/react-router';
import { useState } from 'react';
import { Problem } from '../../api/http';
import { me } from '../../api/me';
import { terminalLook, useApproveTerminal } from '../../api/signin';
import { Failure } from '../../components/Notice';
import { Busy, Frame, Wrong } from './Frame';
import classes from './SignInPage.module.css';
import { parseTerminal, type TerminalRequest, usedRecently } from './terminal';

// TerminalPage confirms that a terminal which runs `sally login` may be signed in as whoever is signed in here.
export function TerminalPage() {
  const asked = parseTerminal(useLocation({ select: (location) => location.hash }));
  return (
    <Frame title="Sign in a terminal">
      {asked ? (
        <Confirm {...asked} />
      ) : (
        <Wrong>This address is not whole. Run sally login again, and open the address that it shows.</Wrong>
      )}
    </Frame>
  );
}

function Confirm({ terminal, withPasskey }: TerminalRequest) {
  const look = useQuery(terminalLook(terminal));
  const person = useQuery(me);
  const approve = useApproveTerminal();
  const [refused, setRefused] = useState(false);

  if (refused) return <p role="status">The terminal was not signed in. You may close this page.</p>;
  if (approve.isSuccess) return <Busy>Signed in. Going back to the terminal…</Busy>;
  if (look.isPending || person.isPending) return <Busy>Asking about the terminal…</Busy>;
  if (look.isError) {
    return <Failure what="This terminal cannot be signed in" error={look.error} retry={() => void look.refetch()} />;
  }
  const stepUp = withPasskey && !usedRecently(person.data?.mfa);
  const { code, name, user } = look.data;
  return (
    <>
      <p>
        Sign in the terminal at <strong>{name}</strong> as <strong>{user}</strong>? It shows this code:
      </p>
      <p className={classes.code}>{code}</p>
      <p className="soft">
        Another code, or no terminal of yours? Then somebody else wants to sign in as you: refuse.
        {stepUp && ' It asks for your passkey as well.'}
      </p>
      <Failed error={approve.error} />
      <Group gap="xs">
        <Button
          size="sm"
          loading={approve.isPending}
          onClick={() =>
            approve.mutate({ terminal, withPasskey: stepUp }, { onSuccess: ({ redirect }) => window.location.assign(redirect) })
          }
        >
          {stepUp ? 'Confirm with a passkey and sign in' : 'Sign in the terminal'}
        </Button>
        <Button size="sm" variant="default" onClick={() => setRefused(true)}>
          Not me
        </Button>
      </Group>
    </>
  );
}

function Failed({ error }: { error: Error | null }) {
  if (!error) return null;
  const none = error instanceof Problem && error.type === 'urn:sallyport:problem:no-passkey';
  return (
    <p role="alert" className="bad">
      {error.message} {none && <Link to="/account">My account</Link>}
    </p>
  );
}
