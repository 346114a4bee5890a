import { TextInput } from '@mantine/core';
import { useState } from 'react';
import { useRenamePasskey } from '../../api/account';
import type { Passkey } from '../../api/types';
import { Form } from '../../components/Form';
import { FormDialog } from '../../components/FormDialog';

export function RenamePasskey({ passkey }: { passkey: Passkey }) {
  return (
    <FormDialog label="Rename" title={`Rename the passkey ${passkey.label}`} minor>
      {(close) => <NameForm passkey={passkey} done={close} />}
    </FormDialog>
  );
}

function NameForm({ passkey, done }: { passkey: Passkey; done: () => void }) {
  const [label, setLabel] = useState(passkey.label);
  const rename = useRenamePasskey();
  const submit = () => rename.mutate({ id: passkey.id, label: label.trim() }, { onSuccess: done });
  return (
    <Form fields={['label']} error={rename.error} pending={rename.isPending} submit="Rename" onSubmit={submit} cancel={done}>
      {(at) => (
        <TextInput
          label="Name"
          required
          maxLength={64}
          data-autofocus
          value={label}
          error={at('label')}
          onChange={(e) => setLabel(e.currentTarget.value)}
        />
      )}
    </Form>
  );
}
