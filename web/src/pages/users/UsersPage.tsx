import { Badge, Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useMayChange } from '../../api/me';
import type { User } from '../../api/types';
import { users } from '../../api/users';
import { FormDialog } from '../../components/FormDialog';
import { ListPage } from '../../components/ListPage';
import { Command, Notice } from '../../components/Notice';
import { Words } from '../../components/Words';
import { localTime } from '../../format/time';
import { quote } from '../../query/terms';
import { SuspendButton } from './SuspendButton';
import { UserForm } from './UserForm';

export function UsersPage() {
  return (
    <ListPage
      title="Users"
      noun="user"
      query={useQuery(users)}
      filterText={(user) => [user.name, user.title, user.email, user.kind, ...groupsOf(user), ...(user.roles ?? [])].join(' ')}
      columns={['Name', 'Kind', 'Groups', 'Roles', 'State', 'Added', 'Record', 'Action']}
      row={(user) => <Row key={user.name} user={user} />}
      tools={useMayChange() && <AddUser />}
      empty={
        <Notice title="No users yet">
          <p>A user is a person or a service account that opens resources through Sallyport.</p>
          <Command>sally admin users add alice@acme.com --role engineer</Command>
        </Notice>
      }
    />
  );
}

const groupsOf = (user: User): string[] => [...new Set([...(user.groups ?? []), ...(user.claimed_groups ?? [])])];

function AddUser() {
  return (
    <FormDialog label="Add user" title="Add a user">
      {(close) => <UserForm user={{ name: '', kind: 'user', groups: [], roles: [] }} fresh done={close} />}
    </FormDialog>
  );
}

function Row({ user }: { user: User }) {
  return (
    <Table.Tr>
      <Table.Td fw={500}>
        <Link to="/users/$name" params={{ name: user.name }}>
          {user.name}
        </Link>
      </Table.Td>
      <Table.Td className="soft">{user.kind === 'service_account' ? 'service account' : 'person'}</Table.Td>
      <Table.Td>
        <Words words={groupsOf(user)} />
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
