import { Select, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useSaveCredential } from '../../api/credentials';
import type { Credential } from '../../api/types';
import { Form } from '../../components/Form';

const FIELDS = ['name', 'source', 'engine', 'mount', 'path', 'username'] as const;

const VALUE = 'value';

const ENGINES = [
  { value: 'kv', label: 'kv: a secret' },
  { value: 'database', label: 'database: an account made for each session' },
  { value: 'ssh', label: 'ssh: a certificate signed for each session' },
  { value: 'ssh-otp', label: 'ssh-otp: a one-time password for each session' },
];

// CredentialForm says where a credential is kept. Its value is set by itself, and never shown.
export function CredentialForm({ credential, fresh, done }: { credential: Credential; fresh: boolean; done: () => void }) {
  const save = useSaveCredential();
  const [before] = useState(credential);
  const [draft, setDraft] = useState(credential);
  const change = (part: Partial<Credential>) => setDraft((before) => ({ ...before, ...part }));
  const vault = draft.source === 'vault';
  const { mount, path, ...rest } = draft;
  const { engine } = draft;
  const object = { ...(vault ? { ...rest, mount, path } : rest), name: draft.name.trim() };
  return (
    <Form
      fields={FIELDS}
      error={save.error}
      pending={save.isPending}
      submit={fresh ? 'Add credential' : 'Save'}
      onSubmit={() => save.mutate({ object, fresh, before }, { onSuccess: done })}
      cancel={done}
    >
      {(at) => (
        <>
          {fresh && (
            <TextInput label="Name" required data-autofocus value={draft.name} error={at('name')} onChange={(e) => change({ name: e.currentTarget.value })} />
          )}
          <Select
            label="Source" size="xs" allowDeselect={false} value={draft.source} error={at('source')}
            data={[{ value: 'sealed', label: 'Sealed: kept here, encrypted' }, { value: 'vault', label: 'Vault or OpenBao' }]}
            onChange={(source) => change({ source: source ?? 'sealed', engine: source === 'vault' ? 'kv' : undefined })}
          />
          {!vault && (
            <Select
              label="Kind" size="xs" allowDeselect={false} value={engine || VALUE} error={at('engine')}
              data={[{ value: VALUE, label: 'A value that is set here' }, { value: 'ssh-ca', label: 'SSH certificates: one for each session, nothing is kept' }]}
              onChange={(kind) => change({ engine: kind === 'ssh-ca' ? kind : undefined })}
            />
          )}
          {vault && (
            <>
              <Select label="Engine" size="xs" allowDeselect={false} data={ENGINES} value={engine ?? 'kv'} error={at('engine')} onChange={(kind) => change({ engine: kind ?? 'kv' })} />
              <TextInput label="Mount" value={mount ?? ''} error={at('mount')} onChange={(e) => change({ mount: e.currentTarget.value.trim() || undefined })} />
              <TextInput label="Path" value={path ?? ''} error={at('path')} onChange={(e) => change({ path: e.currentTarget.value.trim() || undefined })} />
            </>
          )}
          <TextInput
            label="Login" description="At the resource, or the certificate's principal; no secret" value={draft.username ?? ''} error={at('username')}
            onChange={(e) => change({ username: e.currentTarget.value || undefined })}
          />
        </>
      )}
    </Form>
  );
}
