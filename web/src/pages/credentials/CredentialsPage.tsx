import { Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { credentials, useRemoveCredential } from '../../api/credentials';
import { useMayChange } from '../../api/me';
import type { Credential } from '../../api/types';
import { FormDialog } from '../../components/FormDialog';
import { ListPage } from '../../components/ListPage';
import { Command, Notice } from '../../components/Notice';
import { RemoveButton } from '../../components/RemoveButton';
import { CredentialForm } from './CredentialForm';
import { SecretForm } from './SecretForm';

export function CredentialsPage() {
  return (
    <ListPage
      title="Credentials"
      noun="credential"
      query={useQuery(credentials)}
      filterText={(credential) => JSON.stringify(credential)}
      columns={['Name', 'Source', 'Where', 'Login', 'Action']}
      row={(credential) => <Row key={credential.name} credential={credential} />}
      tools={
        useMayChange() && (
          <FormDialog label="Add credential" title="Add a credential">
            {(close) => <CredentialForm credential={{ name: '', source: 'sealed' }} fresh done={close} />}
          </FormDialog>
        )
      }
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
      <Table.Td>{useMayChange() && <Actions credential={credential} />}</Table.Td>
    </Table.Tr>
  );
}

function Actions({ credential }: { credential: Credential }) {
  return (
    <div style={{ display: 'flex', gap: 6 }}>
      {credential.source === 'sealed' && !credential.engine && (
        <FormDialog label="Set the value" title={`Set the value of ${credential.name}`} minor keep>
          {(close) => <SecretForm name={credential.name} done={close} />}
        </FormDialog>
      )}
      <FormDialog label="Edit" title={`Edit the credential ${credential.name}`} minor>
        {(close) => <CredentialForm credential={credential} fresh={false} done={close} />}
      </FormDialog>
      <RemoveButton what={`the credential ${credential.name}`} name={credential.name} remove={useRemoveCredential()}>
        Its value is gone for good. A credential that opens a resource cannot be removed.
      </RemoveButton>
    </div>
  );
}

// ROOTS are where Vault's engines are mounted unless the credential says otherwise.
const ROOTS: Record<string, string> = { kv: 'secret', database: 'database', ssh: 'ssh', 'ssh-otp': 'ssh' };

function place({ source, engine, mount, path }: Credential): string {
  if (source !== 'vault') return engine || '–';
  const root = mount || ROOTS[engine ?? 'kv'];
  return `${engine}: ${root}/${path ?? ''}`;
}
