import { Select, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useGiveGrant } from '../../api/grants';
import { useMayChange } from '../../api/me';
import { resources } from '../../api/resources';
import { roles } from '../../api/roles';
import { users } from '../../api/users';
import { Form } from '../../components/Form';
import { FormDialog } from '../../components/FormDialog';
import { Unread } from '../../components/Notice';
import { untilOf } from './state';

export function GiveGrant() {
  if (!useMayChange()) return null;
  return (
    <FormDialog label="Give a grant" title="Give somebody a role for a time">
      {(close) => <GrantForm done={close} />}
    </FormDialog>
  );
}

function GrantForm({ done }: { done: () => void }) {
  const give = useGiveGrant();
  const people = useQuery(users);
  const known = useQuery(roles);
  const stores = useQuery(resources);
  const [user, setUser] = useState<string | null>(null);
  const [role, setRole] = useState<string | null>(null);
  const [resource, setResource] = useState<string | null>(null);
  const [account, setAccount] = useState<string | null>(null);
  const [length, setLength] = useState('1h');
  const [reason, setReason] = useState('');
  const timed = untilOf(length) !== undefined;
  const submit = () => {
    const until = untilOf(length);
    if (!until) return;
    give.mutate(
      { user: user ?? '', role: role ?? '', resource: resource ?? undefined, account: account ?? undefined, until, reason: reason.trim() },
      { onSuccess: done },
    );
  };
  return (
    <Form
      fields={['user', 'role', 'resource', 'account', 'until', 'reason']}
      error={give.error}
      pending={give.isPending}
      submit="Give it"
      onSubmit={submit}
      disabled={!user || !role || !timed}
      cancel={done}
    >
      {(at) => (
        <>
          <Unread what="Some choices cannot be shown" queries={[people, known, stores]} />
          <Select label="User" size="xs" required searchable data-autofocus openOnFocus={false} data={people.data?.items.map(({ name }) => name)} value={user} error={at('user')} onChange={setUser} />
          <Select label="Role" size="xs" required searchable data={known.data?.items.map(({ name }) => name)} value={role} error={at('role')} onChange={setRole} />
          <Select
            label="Resource"
            size="xs"
            placeholder="all that the role covers"
            clearable
            clearButtonProps={{ 'aria-label': 'No resource in particular' }}
            data={stores.data?.items.map(({ name }) => name)}
            value={resource}
            error={at('resource')}
            onChange={(name) => {
              setResource(name);
              setAccount(null);
            }}
          />
          {resource && (
            <Select
              label="Account"
              size="xs"
              placeholder="all that the role gives there"
              clearable
              clearButtonProps={{ 'aria-label': 'All accounts' }}
              data={Object.keys(stores.data?.items.find(({ name }) => name === resource)?.accounts ?? {})}
              value={account}
              error={at('account')}
              onChange={setAccount}
            />
          )}
          <TextInput
            label="For"
            description="Such as 30m, 2h or 3d"
            required
            value={length}
            error={at('until') ?? (timed ? undefined : 'Write a time such as 30m, 2h or 3d')}
            onChange={(e) => setLength(e.currentTarget.value)}
          />
          <TextInput label="Reason" description="It is in the record" maxLength={1000} value={reason} error={at('reason')} onChange={(e) => setReason(e.currentTarget.value)} />
        </>
      )}
    </Form>
  );
}
