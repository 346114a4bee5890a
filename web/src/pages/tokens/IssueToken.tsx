import { Button, Group, MultiSelect, NumberInput, Select, Stack, TagsInput, Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useMayChange } from '../../api/me';
import { resources } from '../../api/resources';
import { useIssueToken } from '../../api/tokens';
import type { NewToken } from '../../api/types';
import { users } from '../../api/users';
import { Form } from '../../components/Form';
import { FormDialog } from '../../components/FormDialog';
import { Command, Unread } from '../../components/Notice';
import { CLASSES } from '../../format/classes';
import { localTime } from '../../format/time';
import { expiryOf, opens } from './scope';

const FIELDS = ['user', 'label', 'expires', 'scope.resources', 'scope.accounts', 'scope.statements', 'scope.from'] as const;

export function IssueToken() {
  if (!useMayChange()) return null;
  return (
    <FormDialog label="Issue a token" title="Issue an access token" size="lg" keep>
      {(close) => <Steps done={close} />}
    </FormDialog>
  );
}

// Steps are the form, and then, once, the value.
function Steps({ done }: { done: () => void }) {
  const [issued, setIssued] = useState<NewToken>();
  return issued ? <Issued token={issued} done={done} /> : <TokenForm done={done} issued={setIssued} />;
}

function TokenForm({ done, issued }: { done: () => void; issued: (token: NewToken) => void }) {
  const issue = useIssueToken();
  const people = useQuery(users);
  const stores = useQuery(resources);
  const [user, setUser] = useState<string | null>(null);
  const [label, setLabel] = useState('');
  const [days, setDays] = useState<number | string>(30);
  const [scope, setScope] = useState<Record<'resources' | 'accounts' | 'statements' | 'from', string[]>>({
    resources: [], accounts: [], statements: [], from: [],
  });
  const change = (part: Partial<typeof scope>) => setScope((before) => ({ ...before, ...part }));
  const accounts = (stores.data?.items ?? [])
    .filter((store) => scope.resources.length === 0 || scope.resources.includes(store.name))
    .flatMap((store) => Object.keys(store.accounts ?? {}));

  const submit = () => {
    const narrowed = Object.values(scope).some((list) => list.length > 0);
    issue.mutate(
      { user: user ?? '', label: label.trim(), expires: expiryOf(Number(days)), ...(narrowed && { scope }) },
      { onSuccess: issued },
    );
  };

  return (
    <Form fields={FIELDS} error={issue.error} pending={issue.isPending} submit="Issue it" onSubmit={submit} disabled={!user} cancel={done}>
      {(at) => (
        <>
          <Unread what="Some choices cannot be shown" queries={[people, stores]} />
          <Select
            label="User"
            size="xs"
            required
            searchable
            data-autofocus
            data={people.data?.items.map((person) => person.name)}
            value={user}
            error={at('user')}
            onChange={setUser}
          />
          <TextInput label="For" placeholder="nightly load" maxLength={200} value={label} error={at('label')} onChange={(e) => setLabel(e.currentTarget.value)} />
          <NumberInput label="Days" size="xs" required min={1} max={366} allowDecimal={false} value={days} error={at('expires')} onChange={setDays} />
          <MultiSelect
            label="Resources"
            size="xs"
            placeholder={scope.resources.length === 0 ? 'all that the user may' : undefined}
            data={stores.data?.items.map((store) => store.name)}
            value={scope.resources}
            error={at('scope.resources')}
            onChange={(names) => change({ resources: names })}
          />
          <MultiSelect
            label="Accounts"
            size="xs"
            placeholder={scope.accounts.length === 0 ? 'all that the user may' : undefined}
            data={[...new Set(accounts)].sort()}
            value={scope.accounts}
            error={at('scope.accounts')}
            onChange={(names) => change({ accounts: names })}
          />
          <MultiSelect
            label="Statements"
            size="xs"
            placeholder={scope.statements.length === 0 ? 'all that the user may' : undefined}
            data={CLASSES}
            value={scope.statements}
            error={at('scope.statements')}
            onChange={(names) => change({ statements: names })}
          />
          <TagsInput
            label="From networks"
            size="xs"
            placeholder={scope.from.length === 0 ? 'everywhere; or 10.2.0.0/16' : undefined}
            value={scope.from}
            error={at('scope.from')}
            onChange={(names) => change({ from: names })}
          />
        </>
      )}
    </Form>
  );
}

function Issued({ token, done }: { token: NewToken; done: () => void }) {
  return (
    <Stack gap="sm">
      <Text role="status">
        Token {token.id} of {token.user}, for {opens(token.scope)}
        {token.expires && `, until ${localTime(token.expires)}`}. It is shown this once: copy it now.
      </Text>
      <Command>{token.token}</Command>
      <Group justify="flex-end">
        <Button onClick={done} data-autofocus>
          I have it
        </Button>
      </Group>
    </Stack>
  );
}
