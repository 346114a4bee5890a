import { Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { type FormEvent, useState } from 'react';
import { useRenamePasskey } from '../../api/account';
import type { Passkey } from '../../api/types';

export function RenamePasskey({ passkey }: { passkey: Passkey }) {
  const [opened, { open, close }] = useDisclosure(false);
  return (
    <>
      <Button size="compact-xs" variant="default" onClick={open} aria-label={`Rename the passkey ${passkey.label}`}>
        Rename
      </Button>
      <Modal
        opened={opened}
        onClose={close}
        title={`Rename the passkey ${passkey.label}`}
        centered
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        <Form passkey={passkey} done={close} />
      </Modal>
    </>
  );
}

function Form({ passkey, done }: { passkey: Passkey; done: () => void }) {
  const [label, setLabel] = useState(passkey.label);
  const rename = useRenamePasskey();
  const submit = (e: FormEvent) => {
    e.preventDefault();
    rename.mutate({ id: passkey.id, label: label.trim() }, { onSuccess: done });
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <TextInput
          label="Name"
          required
          maxLength={64}
          data-autofocus
          value={label}
          onChange={(e) => setLabel(e.currentTarget.value)}
        />
        {rename.error && (
          <Text role="alert" className="bad">
            {rename.error.message}
          </Text>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={done}>
            Cancel
          </Button>
          <Button type="submit" loading={rename.isPending}>
            Rename
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
