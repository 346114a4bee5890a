import { Button, Group, Select, Stack, TagsInput, Textarea, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { credentials } from '../../api/credentials';
import { gateways } from '../../api/gateways';
import { protocols } from '../../api/protocols';
import { useSaveResource } from '../../api/resources';
import type { Resource } from '../../api/types';
import { Form } from '../../components/Form';
import { pairs } from '../../components/Words';
import { labelsOf } from '../roles/draft';
import { type AccountRow, accountsOf, fitting, nodesOf, rowsOf } from './draft';
import { Nodes } from './Nodes';
import { Server } from './Server';

const FIELDS = ['name', 'protocol', 'address', 'nodes', 'master', 'database', 'ssl_mode', 'ca', 'durability', 'labels', 'accounts', 'gateways',
  'ssh.host_keys', 'ssh.host_cas', 'ssh.env'] as const;
const SSL = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'];
const DURABILITY = [
  { value: 'interval', label: 'interval: recorded within moments' },
  { value: 'hold', label: 'hold: recorded before the answer' },
  { value: 'strict', label: 'strict: recorded before it runs' },
];

export function ResourceForm({ resource, fresh, done }: { resource: Resource; fresh: boolean; done: () => void }) {
  const save = useSaveResource();
  const servers = useQuery(gateways).data?.items ?? [];
  const [before] = useState(resource);
  const [draft, setDraft] = useState(resource);
  const [labels, setLabels] = useState(() => pairs(resource.labels));
  const [rows, setRows] = useState(() => rowsOf(resource.accounts));
  const [nodes, setNodes] = useState(() => resource.nodes ?? []);
  const known = useQuery(protocols).data?.items ?? [];
  const protocol = known.find(({ name }) => name === draft.protocol);
  // Of a protocol that is not known, what is there is shown.
  const clusters = protocol?.clusters ?? nodes.length > 0;
  const sentinels = protocol?.sentinels ?? Boolean(draft.master);
  const server = protocol?.ssh ?? Boolean(draft.ssh);
  const change = (part: Partial<Resource>) => setDraft((before) => ({ ...before, ...part }));
  const submit = () => {
    const object: Resource = {
      ...draft, name: draft.name.trim(), labels: labels.length > 0 ? labelsOf(labels) : undefined, accounts: accountsOf(rows), nodes: nodesOf(nodes),
    };
    save.mutate({ object: fitting(object, protocol), fresh, before }, { onSuccess: done });
  };
  return (
    <Form fields={FIELDS} error={save.error} pending={save.isPending} submit={fresh ? 'Add resource' : 'Save'} onSubmit={submit} cancel={done}>
      {(at) => (
        <>
          {fresh && (
            <TextInput label="Name" required data-autofocus value={draft.name} error={at('name')} onChange={(e) => change({ name: e.currentTarget.value })} />
          )}
          <Select
            label="Protocol" required allowDeselect={false} value={draft.protocol} error={at('protocol')}
            data={known.length > 0 ? known.map(({ name, title }) => ({ value: name, label: title })) : [draft.protocol]}
            onChange={(name) => name && change({ protocol: name })}
          />
          <TextInput
            label="Address" required value={draft.address} error={at('address')}
            description={addressOf(server, sentinels && Boolean(draft.master))}
            onChange={(e) => change({ address: e.currentTarget.value.trim() })}
          />
          {clusters && <Nodes rows={nodes} error={at('nodes')} change={setNodes} />}
          {sentinels && (
            <TextInput
              label="Master" description="The name by which Sentinels know it; empty: the address is the store's own" value={draft.master ?? ''} error={at('master')}
              onChange={(e) => change({ master: e.currentTarget.value.trim() || undefined })}
            />
          )}
          {!server && (
            <TextInput
              label="Database" description={protocol?.numbered_databases ? 'Its number; opened when the client names none' : 'Opened when the client names none'}
              value={draft.database ?? ''} error={at('database')}
              onChange={(e) => change({ database: e.currentTarget.value || undefined })}
            />
          )}
          <Accounts rows={rows} error={at('accounts')} change={setRows} />
          <TagsInput label="Labels" description="Such as env=prod" size="xs" value={labels} error={at('labels')} onChange={setLabels} />
          <Group grow align="flex-start">
            {!server && (
              <Select
                label="TLS" size="xs" placeholder="verify-full" clearable clearButtonProps={{ 'aria-label': 'verify-full' }} data={SSL}
                value={draft.ssl_mode || null} error={at('ssl_mode')} onChange={(mode) => change({ ssl_mode: mode ?? undefined })}
              />
            )}
            <Select
              label="Durability of the record" size="xs" placeholder="hold" clearable clearButtonProps={{ 'aria-label': 'hold' }} data={DURABILITY}
              value={draft.durability || null} error={at('durability')} onChange={(durability) => change({ durability: durability ?? undefined })}
            />
          </Group>
          {server ? (
            <Server ssh={draft.ssh ?? {}} at={at} change={(ssh) => change({ ssh })} />
          ) : (
            <Textarea
              label="CA" description="PEM; by which its certificate is verified" size="xs" autosize minRows={2} maxRows={8} value={draft.ca ?? ''}
              error={at('ca')} onChange={(e) => change({ ca: e.currentTarget.value || undefined })}
            />
          )}
          <TagsInput
            label="Gateways" description="That serve it; none: every one" size="xs" data={servers.map(({ name }) => name)} value={draft.gateways ?? []}
            error={at('gateways')} onChange={(names) => change({ gateways: names.length > 0 ? names : undefined })}
          />
        </>
      )}
    </Form>
  );
}

function addressOf(server: boolean, sentinels: boolean): string {
  if (server) return 'host:port';
  return sentinels ? 'host:port of each Sentinel, with commas between' : 'host:port, or the path of a Unix socket';
}

function Accounts({ rows, error, change }: { rows: AccountRow[]; error: string | undefined; change: (rows: AccountRow[]) => void }) {
  const known = useQuery(credentials).data?.items ?? [];
  const edit = (i: number, part: Partial<AccountRow>) => change(rows.map((row, n) => (n === i ? { ...row, ...part } : row)));
  return (
    <Stack gap={6} role="group" aria-label="Accounts">
      {rows.map((row, i) => (
        <Group key={i} gap={6} align="flex-end" wrap="nowrap">
          <TextInput
            label={`Account ${i + 1}`} required style={{ flex: 1 }} value={row.account} error={Boolean(error)}
            onChange={(e) => edit(i, { account: e.currentTarget.value })}
          />
          <Select
            label={`Credential ${i + 1}`} required size="xs" style={{ flex: 1 }} searchable data={known.map(({ name }) => name)} value={row.credential || null}
            onChange={(credential) => edit(i, { credential: credential ?? '' })}
          />
          <Button variant="default" size="xs" aria-label={`Remove account ${i + 1}`} onClick={() => change(rows.filter((_, n) => n !== i))}>
            Remove
          </Button>
        </Group>
      ))}
      <Group>
        <Button variant="default" size="compact-xs" onClick={() => change([...rows, { account: '', credential: '' }])}>
          Add an account
        </Button>
      </Group>
      {error && (
        <div role="alert" className="bad">
          {error}
        </div>
      )}
    </Stack>
  );
}
