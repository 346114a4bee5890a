import { Select, TagsInput, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { groups } from '../../api/groups';
import { roles } from '../../api/roles';
import type { NewUser, User } from '../../api/types';
import { useSaveUser } from '../../api/users';
import { Form } from '../../components/Form';

const FIELDS = ['name', 'title', 'email', 'kind', 'roles', 'groups'] as const;

// UserForm adds a user, or changes one. What only Sallyport itself sets, and workloads, it leaves as they are.
export function UserForm({ user: begun, of, fresh, done }: { user: NewUser; of?: User; fresh: boolean; done: () => void }) {
  const save = useSaveUser();
  const known = useQuery(roles).data?.items ?? [];
  const named = useQuery(groups).data?.items ?? [];
  const [before] = useState(of);
  const [user, setUser] = useState(begun);
  const change = (part: Partial<NewUser>) => setUser((before) => ({ ...before, ...part }));
  const submit = () => save.mutate({ object: { ...user, name: user.name.trim() }, fresh, before }, { onSuccess: done });
  return (
    <Form fields={FIELDS} error={save.error} pending={save.isPending} submit={fresh ? 'Add user' : 'Save'} onSubmit={submit} cancel={done}>
      {(at) => (
        <>
          {fresh && (
            <TextInput
              label="Name"
              placeholder="alice@acme.com"
              required
              data-autofocus
              value={user.name}
              error={at('name')}
              onChange={(e) => change({ name: e.currentTarget.value })}
            />
          )}
          <TextInput
            label="Known as"
            value={user.title ?? ''}
            error={at('title')}
            onChange={(e) => change({ title: e.currentTarget.value || undefined })}
          />
          <TextInput
            label="Email"
            value={user.email ?? ''}
            error={at('email')}
            onChange={(e) => change({ email: e.currentTarget.value || undefined })}
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
            error={at('kind')}
            onChange={(kind) => change({ kind: kind === 'service_account' ? kind : 'user' })}
          />
          <TagsInput
            label="Roles"
            size="xs"
            data={known.map((role) => role.name)}
            value={user.roles ?? []}
            error={at('roles')}
            onChange={(names) => change({ roles: names })}
          />
          <TagsInput
            label="Groups"
            size="xs"
            data={named.map((group) => group.name)}
            value={user.groups ?? []}
            error={at('groups')}
            onChange={(names) => change({ groups: names })}
          />
        </>
      )}
    </Form>
  );
}
