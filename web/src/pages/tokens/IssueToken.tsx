import { Button, Group, Modal, MultiSelect, NumberInput, Select, Stack, TagsInput, Text, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useMayChange } from '../../api/me';
import { resources } from '../../api/resources';
import { useIssueToken } from '../../api/tokens';
import type { NewToken } from '../../api/types';
import { users } from '../../api/users';
import { Command } from '../../components/Notice';
import { localTime } from '../../format/time';
import { expiryOf, opens } from './scope';

const CLASSES = ['read', 'write', 'ddl', 'admin', 'other'];

export function IssueToken() {
  const [opened, { open, close }] = useDisclosure(false);
  if (!useMayChange()) return null;
  return (
    <>
      <Button onClick={open}>Issue a token</Button>
      <Modal
        opened={opened}
        onClose={close}
        title="Issue an access token"
        centered
        size="lg"
        closeOnClickOutside={false}
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        <Steps done={close} />
      </Modal>
    </>
  );
}

// Steps are the form, and then, once, the value.
function Steps({ done }: { done: () => void }) {
  const [issued, setIssued] = useState<NewToken>();
  return issued ? <Issued token={issued} done={done} /> : <Form done={done} issued={setIssued} />;
}

function Form({ done, issued }: { done: () => void; issued: (token: NewToken) => void }) {
  const issue = useIssueToken();
  const people = useQuery(users).data?.items ?? [];
  const stores = useQuery(resources).data?.items ?? [];
  const [user, setUser] = useState<string | null>(null);
  const [label, setLabel] = useState('');
  const [days, setDays] = useState<number | string>(30);
  const [scope, setScope] = useState<Record<'resources' | 'accounts' | 'statements' | 'from', string[]>>({
    resources: [], accounts: [], statements: [], from: [],
  });
  const change = (part: Partial<typeof scope>) => setScope((before) => ({ ...before, ...part }));
  const accounts = stores
    .filter((store) => scope.resources.length === 0 || scope.resources.includes(store.name))
    .flatMap((store) => Object.keys(store.accounts ?? {}));

  const submit = (e: FormEvent) => {
    e.preventDefault();
    const narrowed = Object.values(scope).some((list) => list.length > 0);
    issue.mutate(
      { user: user ?? '', label: label.trim(), expires: expiryOf(Number(days)), ...(narrowed && { scope }) },
      { onSuccess: issued },
    );
  };

  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <Select
          label="User"
          size="xs"
          required
          searchable
          data-autofocus
          data={people.map((person) => person.name)}
          value={user}
          onChange={setUser}
        />
        <TextInput label="For" placeholder="nightly load" maxLength={200} value={label} onChange={(e) => setLabel(e.currentTarget.value)} />
        <NumberInput label="Days" size="xs" required min={1} max={366} allowDecimal={false} value={days} onChange={setDays} />
        <MultiSelect
          label="Resources"
          size="xs"
          placeholder={scope.resources.length === 0 ? 'all that the user may' : undefined}
          data={stores.map((store) => store.name)}
          value={scope.resources}
          onChange={(names) => change({ resources: names })}
        />
        <MultiSelect
          label="Accounts"
          size="xs"
          placeholder={scope.accounts.length === 0 ? 'all that the user may' : undefined}
          data={[...new Set(accounts)].sort()}
          value={scope.accounts}
          onChange={(names) => change({ accounts: names })}
        />
        <MultiSelect
          label="Statements"
          size="xs"
          placeholder={scope.statements.length === 0 ? 'all that the user may' : undefined}
          data={CLASSES}
          value={scope.statements}
          onChange={(names) => change({ statements: names })}
        />
        <TagsInput
          label="From networks"
          size="xs"
          placeholder={scope.from.length === 0 ? 'everywhere; or 10.2.0.0/16' : undefined}
          value={scope.from}
          onChange={(names) => change({ from: names })}
        />
        {issue.error && (
          <Text role="alert" className="bad">
            {issue.error.message}
          </Text>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={done}>
            Cancel
          </Button>
          <Button type="submit" loading={issue.isPending} disabled={!user}>
            Issue it
          </Button>
        </Group>
      </Stack>
    </form>
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
