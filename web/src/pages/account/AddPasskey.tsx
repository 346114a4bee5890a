import { Button, Group, Modal, Stack, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { type FormEvent, useState } from 'react';
import { useAddPasskey } from '../../api/account';
import { FreshProof } from './FreshProof';

export function AddPasskey() {
  const [opened, { open, close }] = useDisclosure(false);
  return (
    <>
      <Button size="compact-xs" onClick={open}>
        Add a passkey
      </Button>
      <Modal opened={opened} onClose={close} title="Add a passkey" centered closeButtonProps={{ 'aria-label': 'Close' }}>
        <Form done={close} />
      </Modal>
    </>
  );
}

function Form({ done }: { done: () => void }) {
  const [label, setLabel] = useState('');
  const add = useAddPasskey();
  const make = () => add.mutate(label.trim(), { onSuccess: done });
  const submit = (e: FormEvent) => {
    e.preventDefault();
    make();
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <TextInput
          label="Name"
          description="So that you know it again"
          placeholder="blue key"
          maxLength={64}
          data-autofocus
          value={label}
          onChange={(e) => setLabel(e.currentTarget.value)}
        />
        <FreshProof error={add.error} retry={make} />
        <Group justify="flex-end">
          <Button variant="default" onClick={done}>
            Cancel
          </Button>
          <Button type="submit" loading={add.isPending}>
            Add it
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
