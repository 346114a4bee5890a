import { Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useMayChange } from '../../api/me';
import { hostKeys, useForgetHostKey } from '../../api/resources';
import type { HostKey } from '../../api/types';
import { ConfirmButton } from '../../components/ConfirmButton';
import { Failure } from '../../components/Notice';
import { localTime } from '../../format/time';
import { originOf } from './draft';

// HostKeys are the keys by which an SSH server is known, and how each came to be.
export function HostKeys({ resource }: { resource: string }) {
  const query = useQuery(hostKeys(resource));
  const change = useMayChange();
  if (query.error) return <Failure what="The host keys cannot be shown" error={query.error} retry={() => void query.refetch()} />;
  if (!query.data) return <p role="status">Reading the record…</p>;
  const { items } = query.data;
  if (items.length === 0) return <p>No key is known. The first that the server shows is pinned, on the record.</p>;
  return (
    <div style={{ overflowX: 'auto' }} tabIndex={0} role="region" aria-label="Keys">
      <Table>
        <Table.Thead>
          <Table.Tr>
            {['Key', 'Known since', 'Action'].map((column) => (
              <Table.Th key={column}>{column}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {items.map((key) => (
            <Table.Tr key={key.fingerprint}>
              <Table.Td style={{ overflowWrap: 'anywhere' }}>
                <span className="mono">{key.fingerprint}</span>
                <div className="soft">
                  {key.type}
                  {key.authority && ', an authority that certifies servers'}
                </div>
              </Table.Td>
              <Table.Td>
                <Origin hostKey={key} />
              </Table.Td>
              <Table.Td>{change && !key.authority && <Forget resource={resource} hostKey={key} alone={items.length === 1} />}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

function Origin({ hostKey }: { hostKey: HostKey }) {
  return (
    <>
      {originOf(hostKey)}
      {hostKey.at && <div className="soft">{localTime(hostKey.at)}</div>}
      {hostKey.session && (
        <Link to="/audit" search={{ q: `session:${hostKey.session}` }}>
          The session that saw it
        </Link>
      )}
    </>
  );
}

function Forget({ resource, hostKey, alone }: { resource: string; hostKey: HostKey; alone: boolean }) {
  const forget = useForgetHostKey(resource);
  return (
    <ConfirmButton
      label="Forget"
      title={`Forget the host key ${hostKey.fingerprint}?`}
      danger
      pending={forget.isPending}
      error={forget.error}
      act={(done) => forget.mutate(hostKey.fingerprint, { onSuccess: done })}
    >
      {alone
        ? `Whoever answers at the address of ${resource} next is then taken for the server, and its key is pinned. Do so when the server was set up ` +
          'anew and its new key is not at hand; else put the new key into the resource instead.'
        : `${resource} is then known by its other keys alone.`}
    </ConfirmButton>
  );
}
