import { Badge, Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { mySignIns, useEndSignIn } from '../../api/account';
import type { SignedInAt } from '../../api/types';
import { ConfirmButton } from '../../components/ConfirmButton';
import { localTime } from '../../format/time';
import classes from './AccountPage.module.css';
import { Section } from './Section';

export function MySignIns() {
  return (
    <Section
      title="Where I am signed in"
      query={useQuery(mySignIns)}
      columns={['What', 'Since', 'Last used', 'Passkey used', 'Until', 'Action']}
      empty="Nowhere."
      row={(at) => <Row key={at.id} at={at} />}
    />
  );
}

function Row({ at }: { at: SignedInAt }) {
  const end = useEndSignIn();
  const what = at.kind === 'terminal' ? 'terminal' : 'browser';
  return (
    <Table.Tr>
      <Table.Td fw={500}>{what}</Table.Td>
      <Table.Td>{localTime(at.created)}</Table.Td>
      <Table.Td className="soft">{at.last_used ? localTime(at.last_used) : '–'}</Table.Td>
      <Table.Td className="soft">{at.mfa ? localTime(at.mfa) : '–'}</Table.Td>
      <Table.Td className="soft">{localTime(at.expires)}</Table.Td>
      <Table.Td>
        <div className={classes.actions}>
          {at.current ? (
            <Badge variant="default">this one</Badge>
          ) : (
            <ConfirmButton
              label="Sign out"
              title={`Sign out the ${what} of ${localTime(at.created)}?`}
              danger
              pending={end.isPending}
              error={end.error}
              act={(done) => end.mutate(at.id, { onSuccess: done })}
            >
              Whoever uses it has to sign in again.
            </ConfirmButton>
          )}
        </div>
      </Table.Td>
    </Table.Tr>
  );
}
