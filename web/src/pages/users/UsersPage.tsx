import { Badge, Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { User } from '../../api/types';
import { users } from '../../api/users';
import { ListPage } from '../../components/ListPage';
import { Command, Notice } from '../../components/Notice';
import { Words } from '../../components/Words';
import { localTime } from '../../format/time';
import { quote } from '../../query/terms';
import { AddUser } from './AddUser';
import { SuspendButton } from './SuspendButton';

export function UsersPage() {
  return (
    <ListPage
      title="Users"
      noun="user"
      query={useQuery(users)}
      filterText={(user) => [user.name, user.kind, ...(user.groups ?? []), ...(user.roles ?? [])].join(' ')}
      columns={['Name', 'Kind', 'Groups', 'Roles', 'State', 'Added', 'Record', 'Action']}
      row={(user) => <Row key={user.name} user={user} />}
      tools={<AddUser />}
      empty={
        <Notice title="No users yet">
          <p>A user is a person or a service account that opens resources through Sallyport.</p>
          <Command>sally admin users add alice@acme.com --role engineer</Command>
        </Notice>
      }
    />
  );
}

function Row({ user }: { user: User }) {
  return (
    <Table.Tr>
      <Table.Td fw={500}>{user.name}</Table.Td>
      <Table.Td className="soft">{user.kind === 'service_account' ? 'service account' : 'person'}</Table.Td>
      <Table.Td>
        <Words words={user.groups} />
      </Table.Td>
      <Table.Td>
        <Words words={user.roles} />
      </Table.Td>
      <Table.Td>
        {user.suspended ? <Badge color="red.9" variant="filled">suspended</Badge> : <span className="good">active</span>}
      </Table.Td>
      <Table.Td className="soft" style={{ whiteSpace: 'nowrap' }}>
        {user.created ? localTime(user.created).slice(0, 10) : '–'}
      </Table.Td>
      <Table.Td>
        <Link to="/audit" search={{ q: `user:${quote(user.name)}` }} aria-label={`Statements of ${user.name}`}>
          Statements
        </Link>
      </Table.Td>
      <Table.Td>
        <SuspendButton user={user} />
      </Table.Td>
    </Table.Tr>
  );
}
