import { TextInput } from '@mantine/core';
import { useState } from 'react';
import { useAddPasskey } from '../../api/account';
import { Form } from '../../components/Form';
import { FormDialog } from '../../components/FormDialog';
import { asksForProof, FreshProof } from './FreshProof';

export function AddPasskey() {
  return (
    <FormDialog label="Add a passkey" title="Add a passkey">
      {(close) => <PasskeyForm done={close} />}
    </FormDialog>
  );
}

function PasskeyForm({ done }: { done: () => void }) {
  const [label, setLabel] = useState('');
  const add = useAddPasskey();
  const make = () => add.mutate(label.trim(), { onSuccess: done });
  const again = asksForProof(add.error);
  return (
    <Form fields={['label']} error={again ? null : add.error} pending={add.isPending} submit="Add it" onSubmit={make} cancel={done}>
      {(at) => (
        <>
          <TextInput
            label="Name"
            description="So that you know it again"
            placeholder="blue key"
            maxLength={64}
            data-autofocus
            value={label}
            error={at('label')}
            onChange={(e) => setLabel(e.currentTarget.value)}
          />
          <FreshProof error={again ? add.error : null} retry={make} />
        </>
      )}
    </Form>
  );
}
