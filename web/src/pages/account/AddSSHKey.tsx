import { Textarea, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useAddSSHKey } from '../../api/account';
import { Form } from '../../components/Form';
import { FormDialog } from '../../components/FormDialog';
import { asksForProof, FreshProof } from './FreshProof';
import { commentOf, wrongKey } from './publicKey';

export function AddSSHKey() {
  return (
    <FormDialog label="Add an SSH key" title="Add an SSH key">
      {(close) => <KeyForm done={close} />}
    </FormDialog>
  );
}

function KeyForm({ done }: { done: () => void }) {
  const [text, setText] = useState('');
  const [name, setName] = useState('');
  const add = useAddSSHKey();
  const wrong = wrongKey(text);
  const make = () => {
    if (!wrong) add.mutate({ public: text.trim(), name: name.trim() }, { onSuccess: done });
  };
  const again = asksForProof(add.error);
  return (
    <Form fields={['public', 'name']} error={again ? null : add.error} pending={add.isPending} submit="Add it" onSubmit={make} cancel={done}>
      {(at) => (
        <>
          <Textarea
            label="Public key"
            description="What is in the file id_ed25519.pub in your directory .ssh"
            placeholder="ssh-ed25519 AAAA…"
            autosize
            minRows={3}
            maxLength={16384}
            required
            data-autofocus
            spellCheck={false}
            value={text}
            error={wrong ?? at('public')}
            onChange={(e) => setText(e.currentTarget.value)}
          />
          <TextInput
            label="Name"
            description="So that you know it again"
            placeholder={commentOf(text) || 'laptop'}
            maxLength={128}
            value={name}
            error={at('name')}
            onChange={(e) => setName(e.currentTarget.value)}
          />
          <FreshProof error={again ? add.error : null} retry={make} />
        </>
      )}
    </Form>
  );
}
