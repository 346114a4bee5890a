import { Select, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useSaveCredential } from '../../api/credentials';
import type { Credential } from '../../api/types';
import { Form } from '../../components/Form';

const FIELDS = ['name', 'source', 'engine', 'mount', 'path', 'username'] as const;

// CredentialForm says where a credential is kept. Its value is set by itself, and never shown.
export function CredentialForm({ credential, fresh, done }: { credential: Credential; fresh: boolean; done: () => void }) {
  const save = useSaveCredential();
  const [draft, setDraft] = useState(credential);
  const change = (part: Partial<Credential>) => setDraft((before) => ({ ...before, ...part }));
  const vault = draft.source === 'vault';
  const { engine, mount, path, ...rest } = draft;
  const object = { ...(vault ? { ...rest, engine, mount, path } : rest), name: draft.name.trim() };
  return (
    <Form
      fields={FIELDS}
      error={save.error}
      pending={save.isPending}
      submit={fresh ? 'Add credential' : 'Save'}
      onSubmit={() => save.mutate({ object, fresh }, { onSuccess: done })}
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
          {vault && (
            <>
              <Select label="Engine" size="xs" allowDeselect={false} data={['kv', 'database']} value={engine ?? 'kv'} error={at('engine')} onChange={(kind) => change({ engine: kind ?? 'kv' })} />
              <TextInput label="Mount" value={mount ?? ''} error={at('mount')} onChange={(e) => change({ mount: e.currentTarget.value.trim() || undefined })} />
              <TextInput label="Path" value={path ?? ''} error={at('path')} onChange={(e) => change({ path: e.currentTarget.value.trim() || undefined })} />
            </>
          )}
          <TextInput
            label="Login" description="At the resource; no secret" value={draft.username ?? ''} error={at('username')}
            onChange={(e) => change({ username: e.currentTarget.value || undefined })}
          />
        </>
      )}
    </Form>
  );
}
