import { Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { grants } from '../../api/grants';
import type { Grant } from '../../api/types';
import { Countdown } from '../../components/Countdown';
import { ListPage } from '../../components/ListPage';
import { Command, Notice } from '../../components/Notice';
import { GiveGrant } from './GiveGrant';
import { RevokeButton } from './RevokeButton';
import { isOver } from './state';

// GrantsPage lists grants, those that give something first.
export function GrantsPage() {
  const query = useQuery({
    ...grants,
    select: ({ items }) => ({
      items: [...items].sort((a, b) => Number(isOver(a)) - Number(isOver(b)) || Date.parse(b.until) - Date.parse(a.until)),
    }),
  });
  return (
    <ListPage
      title="Grants"
      noun="grant"
      query={query}
      filterText={(grant) => [grant.user, grant.role, grant.resource, grant.account, grant.reason, ...(grant.by ?? [])].join(' ')}
      columns={['User', 'Role', 'At', 'Why', 'Given by', 'Until', 'Action']}
      row={(grant) => <Row key={grant.id} grant={grant} />}
      tools={<GiveGrant />}
      empty={
        <Notice title="No grants yet">
          <p>A grant gives somebody a role for a time: when a request is approved, or by an admin.</p>
          <Command>sally admin grants add alice@acme.com engineer --resource orders --for 2h --reason "ticket 42"</Command>
        </Notice>
      }
    />
  );
}

function Row({ grant }: { grant: Grant }) {
  return (
    <Table.Tr className={isOver(grant) ? 'soft' : undefined}>
      <Table.Td fw={500}>
        <Link to="/users/$name" params={{ name: grant.user }}>
          {grant.user}
        </Link>
      </Table.Td>
      <Table.Td>
        <Link to="/roles/$name" params={{ name: grant.role }}>
          {grant.role}
        </Link>
      </Table.Td>
      <Table.Td>{[grant.resource ?? 'all that it covers', grant.account && `as ${grant.account}`].filter(Boolean).join(' ')}</Table.Td>
      <Table.Td>
        {grant.request ? (
          <Link to="/requests/$id" params={{ id: grant.request }}>
            {grant.reason || 'the request'}
          </Link>
        ) : (
          grant.reason || '–'
        )}
      </Table.Td>
      <Table.Td>{grant.by?.join(', ') || '–'}</Table.Td>
      <Table.Td style={{ whiteSpace: 'nowrap' }}>
        <Countdown until={grant.until} past="over" />
      </Table.Td>
      <Table.Td>
        <RevokeButton grant={grant} />
      </Table.Td>
    </Table.Tr>
  );
}
