import { Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { myRoles } from '../../api/account';
import { Section } from './Section';
import { rights, why } from './why';

export function MyRoles() {
  return (
    <Section
      title="Roles"
      query={useQuery(myRoles)}
      columns={['Role', 'Why', 'Rights here']}
      empty="You hold no role, so nothing is open to you. Ask an admin for one."
      row={(role) => (
        <Table.Tr key={role.name}>
          <Table.Td fw={500}>{role.name}</Table.Td>
          <Table.Td>{why(role).join('; ')}</Table.Td>
          <Table.Td className="soft">{rights(role)}</Table.Td>
        </Table.Tr>
      )}
    />
  );
}
