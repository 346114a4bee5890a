import { Button, Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useMayChange } from '../../api/me';
import { roles } from '../../api/roles';
import type { Role } from '../../api/types';
import { ListPage } from '../../components/ListPage';
import { Command, Notice } from '../../components/Notice';
import { pairs, Words } from '../../components/Words';
import { brief } from './terms';

export function RolesPage() {
  return (
    <ListPage
      title="Roles"
      noun="role"
      query={useQuery(roles)}
      filterText={(role) => JSON.stringify(role)}
      columns={['Name', 'Resources', 'Labels', 'Accounts', 'Groups', 'Conditions', 'Control plane']}
      row={(role) => <Row key={role.name} role={role} />}
      tools={
        useMayChange() && (
          <Button renderRoot={(props) => <Link to="/add/role" {...props} />}>Add role</Button>
        )
      }
      empty={
        <Notice title="No roles yet">
          <p>A role lets those who hold it open some resources, as some accounts there.</p>
          <Command>sally admin roles add engineer --resource orders --account app</Command>
        </Notice>
      }
    />
  );
}

function Row({ role }: { role: Role }) {
  const control = [role.admin ? 'admin' : '', role.auditor ? 'auditor' : '', role.provisioner ? 'provisioner' : ''].filter(Boolean);
  return (
    <Table.Tr>
      <Table.Td fw={500}>
        <Link to="/roles/$name" params={{ name: role.name }}>
          {role.name}
        </Link>
      </Table.Td>
      <Table.Td>{role.resources?.includes('*') ? 'all resources' : <Words words={role.resources} />}</Table.Td>
      <Table.Td>
        <Words words={pairs(role.labels)} />
      </Table.Td>
      <Table.Td>{role.accounts?.includes('*') ? 'all accounts' : <Words words={role.accounts} />}</Table.Td>
      <Table.Td>
        <Words words={role.groups} />
      </Table.Td>
      <Table.Td className="soft">{brief(role).join(', ') || '–'}</Table.Td>
      <Table.Td>
        <Words words={control} />
      </Table.Td>
    </Table.Tr>
  );
}
