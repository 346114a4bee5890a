import { Badge, Select, Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useMayChange } from '../../api/me';
import { tokens, useRevokeToken } from '../../api/tokens';
import type { Token } from '../../api/types';
import { ConfirmButton } from '../../components/ConfirmButton';
import { ListPage } from '../../components/ListPage';
import { Command, Notice } from '../../components/Notice';
import { localTime } from '../../format/time';
import { IssueToken } from './IssueToken';
import { isOver, opens } from './scope';

export function TokensPage() {
  const { user } = useSearch({ from: '/app/tokens' });
  const query = useQuery({
    ...tokens,
    select: ({ items }) => ({ items: user ? items.filter((token) => token.user === user) : items }),
  });
  return (
    <ListPage
      title="Tokens"
      noun="token"
      query={query}
      filterText={(token) => [token.id, token.user, token.label, opens(token.scope)].join(' ')}
      columns={['ID', 'User', 'For', 'Opens', 'Issued', 'Last used', 'Until', 'Action']}
      row={(token) => <Row key={token.id} token={token} />}
      tools={
        <>
          <UserFilter chosen={user} />
          <IssueToken />
        </>
      }
      empty={
        <Notice title={user ? `${user} has no tokens` : 'No tokens yet'}>
          <p>An access token proves a program, such as a nightly job, where nobody can sign in.</p>
          <Command>sally admin tokens add etl --resource orders-db --class read --expires 720h</Command>
        </Notice>
      }
    />
  );
}

// UserFilter keeps its choice in the address, so that the view can be shared.
function UserFilter({ chosen }: { chosen: string | undefined }) {
  const navigate = useNavigate();
  const holders = useQuery(tokens).data?.items.map((token) => token.user) ?? [];
  const names = [...new Set(chosen ? [...holders, chosen] : holders)].sort();
  if (names.length === 0) return null;
  return (
    <Select
      aria-label="Only this user's"
      placeholder="All users"
      size="xs"
      clearable
      searchable
      clearButtonProps={{ 'aria-label': 'All users' }}
      data={names}
      value={chosen ?? null}
      onChange={(user) => void navigate({ to: '/tokens', search: user ? { user } : {} })}
    />
  );
}

function Row({ token }: { token: Token }) {
  const revoke = useRevokeToken();
  return (
    <Table.Tr>
      <Table.Td className="mono">{token.id}</Table.Td>
      <Table.Td fw={500}>{token.user}</Table.Td>
      <Table.Td>{token.label || '–'}</Table.Td>
      <Table.Td>{opens(token.scope)}</Table.Td>
      <Table.Td className="soft">{token.created ? localTime(token.created) : '–'}</Table.Td>
      <Table.Td className="soft">{token.last_used ? localTime(token.last_used) : 'never'}</Table.Td>
      <Table.Td className="soft">
        {token.expires ? localTime(token.expires) : 'for ever'} {isOver(token.expires) && <Badge variant="default">expired</Badge>}
      </Table.Td>
      <Table.Td>
        {useMayChange() && (
          <ConfirmButton
            label="Revoke"
            title={`Revoke the token ${token.id} of ${token.user}?`}
            danger
            pending={revoke.isPending}
            error={revoke.error}
            act={(done) => revoke.mutate(token.id, { onSuccess: done })}
          >
            It opens nothing more, and the sessions that it opened end, at once.
          </ConfirmButton>
        )}
      </Table.Td>
    </Table.Tr>
  );
}
