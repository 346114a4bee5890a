import { Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useMayChange } from '../../api/me';
import { protocols } from '../../api/protocols';
import { resources, useRemoveResource } from '../../api/resources';
import type { Resource, SSH } from '../../api/types';
import { FormDialog } from '../../components/FormDialog';
import { ListPage } from '../../components/ListPage';
import { Command, Notice } from '../../components/Notice';
import { RemoveButton } from '../../components/RemoveButton';
import { pairs, Words } from '../../components/Words';
import { plural } from '../../format/amount';
import { quote } from '../../query/terms';
import { HostKeys } from './HostKeys';
import { ResourceForm } from './ResourceForm';

export function ResourcesPage() {
  return (
    <ListPage
      title="Resources"
      noun="resource"
      query={useQuery(resources)}
      filterText={(resource) => JSON.stringify({ ...resource, ca: '' })}
      columns={['Name', 'Protocol', 'Address', 'Database', 'TLS', 'Durability', 'Accounts', 'Labels', 'Record', 'Action']}
      row={(resource) => <Row key={resource.name} resource={resource} />}
      tools={
        useMayChange() && (
          <FormDialog label="Add resource" title="Add a resource" size="lg">
            {(close) => <ResourceForm resource={{ name: '', protocol: 'postgres', address: '', accounts: {} }} fresh done={close} />}
          </FormDialog>
        )
      }
      empty={
        <Notice title="No resources yet">
          <p>A resource is a data store or server behind Sallyport. First the credential that opens it:</p>
          <Command>sally admin credentials add orders-app --username app --password-prompt</Command>
          <Command>
            sally admin resources add orders --protocol postgres --address db.internal:5432 --account app=orders-app
          </Command>
        </Notice>
      }
    />
  );
}

function Row({ resource }: { resource: Resource }) {
  const server = useQuery(protocols).data?.items?.find(({ name }) => name === resource.protocol)?.ssh;
  const tls = server ? '–' : resource.ssl_mode || 'verify-full';
  return (
    <Table.Tr>
      <Table.Td fw={500} style={{ whiteSpace: 'nowrap' }}>
        {resource.name}
      </Table.Td>
      <Table.Td>{resource.protocol}</Table.Td>
      <Table.Td>
        <Place resource={resource} server={server ?? false} />
      </Table.Td>
      <Table.Td className="mono">{resource.database || '–'}</Table.Td>
      <Table.Td className={tls === 'disable' || tls === 'prefer' ? 'warn' : undefined}>{tls}</Table.Td>
      <Table.Td>{resource.durability || 'hold'}</Table.Td>
      <Table.Td>
        <Words words={Object.entries(resource.accounts ?? {}).map(([account, credential]) => `${account} ← ${credential}`)} />
      </Table.Td>
      <Table.Td>
        <Words words={pairs(resource.labels)} />
      </Table.Td>
      <Table.Td>
        <Link to="/audit" search={{ q: `resource:${quote(resource.name)}` }} aria-label={`Statements at ${resource.name}`}>
          Statements
        </Link>
      </Table.Td>
      <Table.Td>{useMayChange() && <Actions resource={resource} />}</Table.Td>
    </Table.Tr>
  );
}

// Place is where the store is: its address, and what else leads to it.
function Place({ resource: { name, address, master, nodes, ssh }, server }: { resource: Resource; server: boolean }) {
  return (
    <>
      <span className="mono">{address}</span>
      {master && <div className="soft">Sentinels of {master}</div>}
      {server && <KnownBy name={name} ssh={ssh ?? {}} />}
      {nodes && nodes.length > 0 && (
        <details>
          <summary className="soft">{plural(nodes.length, 'node')}</summary>
          <Words words={nodes.map((node) => `${node.name} at ${node.address}`)} />
        </details>
      )}
    </>
  );
}

// KnownBy says by how many keys an SSH server is known, and shows them.
function KnownBy({ name, ssh: { host_keys: keys = [], host_cas: authorities = [] } }: { name: string; ssh: SSH }) {
  if (keys.length + authorities.length === 0) return <div className="soft">Pins the first key that it shows</div>;
  const label = [keys.length > 0 && plural(keys.length, 'host key'), authorities.length > 0 && plural(authorities.length, 'authority', 'authorities')];
  return (
    <div>
      <FormDialog label={label.filter(Boolean).join(', ')} title={`Host keys of ${name}`} minor size="lg">
        {() => <HostKeys resource={name} />}
      </FormDialog>
    </div>
  );
}

function Actions({ resource }: { resource: Resource }) {
  return (
    <div style={{ display: 'flex', gap: 6 }}>
      <FormDialog label="Edit" title={`Edit the resource ${resource.name}`} minor size="lg">
        {(close) => <ResourceForm resource={resource} fresh={false} done={close} />}
      </FormDialog>
      <RemoveButton what={`the resource ${resource.name}`} name={resource.name} remove={useRemoveResource()}>
        Nobody reaches it through Sallyport any more, and its open sessions are cut.
      </RemoveButton>
    </div>
  );
}
