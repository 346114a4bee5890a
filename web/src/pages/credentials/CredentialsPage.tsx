import { Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { credentials } from '../../api/credentials';
import type { Credential } from '../../api/types';
import { ListPage } from '../../components/ListPage';
import { Command, Notice } from '../../components/Notice';

export function CredentialsPage() {
  return (
    <ListPage
      title="Credentials"
      noun="credential"
      query={useQuery(credentials)}
      filterText={(credential) => JSON.stringify(credential)}
      columns={['Name', 'Source', 'Where', 'Login']}
      row={(credential) => <Row key={credential.name} credential={credential} />}
      empty={
        <Notice title="No credentials yet">
          <p>
            A credential opens a resource. Its value stays at its source; here are only its name and where it is kept.
          </p>
          <Command>sally admin credentials add orders-app --username app --password-prompt</Command>
          <Command>sally admin credentials add orders-ro --source vault --engine database --path orders-ro</Command>
        </Notice>
      }
    />
  );
}

function Row({ credential }: { credential: Credential }) {
  return (
    <Table.Tr>
      <Table.Td fw={500}>{credential.name}</Table.Td>
      <Table.Td>{credential.source}</Table.Td>
      <Table.Td className="mono">{place(credential)}</Table.Td>
      <Table.Td className="mono">{credential.username || '–'}</Table.Td>
    </Table.Tr>
  );
}

function place({ source, engine, mount, path }: Credential): string {
  if (source !== 'vault') return '–';
  const root = mount || (engine === 'kv' ? 'secret' : 'database');
  return `${engine}: ${root}/${path ?? ''}`;
}
