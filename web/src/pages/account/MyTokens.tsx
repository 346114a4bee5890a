import { Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { myTokens, useRevokeMyToken } from '../../api/account';
import type { Token } from '../../api/types';
import { ConfirmButton } from '../../components/ConfirmButton';
import { localTime } from '../../format/time';
import { opens } from '../tokens/scope';
import classes from './AccountPage.module.css';
import { Section } from './Section';

export function MyTokens() {
  return (
    <Section
      title="Access tokens"
      query={useQuery(myTokens)}
      columns={['ID', 'For', 'Opens', 'Last used', 'Until', 'Action']}
      empty="None. Admins issue them, for programs that cannot sign in as you do."
      row={(token) => <Row key={token.id} token={token} />}
    />
  );
}

function Row({ token }: { token: Token }) {
  const revoke = useRevokeMyToken();
  return (
    <Table.Tr>
      <Table.Td className="mono">{token.id}</Table.Td>
      <Table.Td>{token.label || '–'}</Table.Td>
      <Table.Td>{opens(token.scope)}</Table.Td>
      <Table.Td className="soft">{token.last_used ? localTime(token.last_used) : 'never'}</Table.Td>
      <Table.Td className="soft">{token.expires ? localTime(token.expires) : 'for ever'}</Table.Td>
      <Table.Td>
        <div className={classes.actions}>
          <ConfirmButton
            label="Revoke"
            title={`Revoke the token ${token.id}?`}
            danger
            pending={revoke.isPending}
            error={revoke.error}
            act={(done) => revoke.mutate(token.id, { onSuccess: done })}
          >
            It opens nothing more, and the sessions that it opened end, at once.
          </ConfirmButton>
        </div>
      </Table.Td>
    </Table.Tr>
  );
}
