import { Button, Group, Modal, Select, Stack, TagsInput, Text, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useMayChange } from '../../api/me';
import { roles } from '../../api/roles';
import type { NewUser } from '../../api/types';
import { useAddUser } from '../../api/users';

export function AddUser() {
  const [opened, { open, close }] = useDisclosure(false);
  if (!useMayChange()) return null;
  return (
    <>
      <Button onClick={open}>Add user</Button>
      <Modal
        opened={opened}
        onClose={close}
        title="Add a user"
        centered
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        <Form done={close} />
      </Modal>
    </>
  );
}

function Form({ done }: { done: () => void }) {
  const add = useAddUser();
  const known = useQuery(roles);
  const [user, setUser] = useState<NewUser>({ name: '', kind: 'user', groups: [], roles: [] });
  const change = (part: Partial<NewUser>) => setUser((before) => ({ ...before, ...part }));

  const submit = (e: FormEvent) => {
    e.preventDefault();
    add.mutate({ ...user, name: user.name.trim() }, { onSuccess: done });
  };

  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <TextInput
          label="Name"
          placeholder="alice@acme.com"
          required
          data-autofocus
          value={user.name}
          onChange={(e) => change({ name: e.currentTarget.value })}
        />
        <Select
          label="Kind"
          size="xs"
          allowDeselect={false}
          data={[
            { value: 'user', label: 'Person' },
            { value: 'service_account', label: 'Service account' },
          ]}
          value={user.kind ?? 'user'}
          onChange={(kind) => change({ kind: kind === 'service_account' ? kind : 'user' })}
        />
        <TagsInput
          label="Roles"
          size="xs"
          data={known.data?.items.map((role) => role.name) ?? []}
          value={user.roles ?? []}
          onChange={(names) => change({ roles: names })}
        />
        <TagsInput label="Groups" size="xs" value={user.groups ?? []} onChange={(groups) => change({ groups })} />
        {add.error && (
          <Text role="alert" className="bad">
            {add.error.message}
          </Text>
        )}
        <Group justify="flex-end" mt="xs">
          <Button variant="default" onClick={done}>
            Cancel
          </Button>
          <Button type="submit" loading={add.isPending}>
            Add user
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
