import { Group, Select, Skeleton, Textarea, TextInput } from '@mantine/core';
import { useQuery, type UseQueryResult } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { explanation } from '../../api/explain';
import { resources } from '../../api/resources';
import type { ExplainInput } from '../../api/types';
import { users } from '../../api/users';
import { Form } from '../../components/Form';
import { Unread } from '../../components/Notice';
import { ObjectPage } from '../../components/ObjectPage';
import { durationFault } from '../../format/time';
import { Decision } from './Decision';
import { askedBy, type ExplainSearch, validateExplainSearch } from './search';

// ExplainPage says who could do what, and which rule decides. What is asked stands in the address.
export function ExplainPage() {
  const search = useSearch({ from: '/app/explain' });
  const asked = askedBy(search);
  return (
    <ObjectPage title="Explain">
      <p className="soft">Say who would do what: the same rules decide that decide for them. Nothing is done, and nothing recorded.</p>
      <Question key={JSON.stringify(search)} search={search} asked={asked} />
    </ObjectPage>
  );
}

const FIELDS = ['user', 'resource', 'account', 'statement', 'from', 'mfa_ago'] as const;

function Question({ search, asked }: { search: ExplainSearch; asked: ExplainInput | undefined }) {
  const navigate = useNavigate();
  const people = useQuery(users);
  const stores = useQuery(resources);
  const [draft, setDraft] = useState(search);
  const change = (part: ExplainSearch) => setDraft((before) => ({ ...before, ...part }));
  const answer = useQuery({
    ...explanation(asked ?? { user: '', resource: '' }),
    enabled: asked !== undefined,
  });
  const submit = () => {
    // As the address will say it: a field that was cleared is not there.
    const wanted = validateExplainSearch({ ...draft });
    const same = JSON.stringify(askedBy(wanted)) === JSON.stringify(asked);
    if (same) void answer.refetch();
    else void navigate({ to: '/explain', search: wanted });
  };
  const accounts = Object.keys(stores.data?.items.find(({ name }) => name === draft.resource)?.accounts ?? {});
  return (
    <>
      <Form fields={FIELDS} error={answer.error} pending={answer.isFetching} submit="Explain" onSubmit={submit} disabled={!askedBy(draft) || Boolean(durationFault(draft.mfa ?? ''))}>
        {(at) => (
          <>
            <Unread what="Some choices cannot be shown" queries={[people, stores]} />
            <Group align="flex-start" grow>
              <Select
                label="User" size="xs" required searchable allowDeselect={false} data={withOwn(namesOf(people), draft.user)}
                value={draft.user ?? null} error={at('user')} onChange={(user) => change({ user: user ?? undefined })}
              />
              <Select
                label="Resource" size="xs" required searchable allowDeselect={false} data={withOwn(namesOf(stores), draft.resource)}
                value={draft.resource ?? null} error={at('resource')}
                onChange={(resource) => change({ resource: resource ?? undefined, account: undefined })}
              />
              <Select
                label="Account" size="xs" clearable clearButtonProps={{ 'aria-label': 'The account that they would get' }}
                placeholder="the one that they would get" data={withOwn(accounts, draft.account)} value={draft.account ?? null} error={at('account')}
                onChange={(account) => change({ account: account ?? undefined })}
              />
            </Group>
            <Textarea
              label="Statement" size="xs" description="What they would run; empty: only open a session" autosize minRows={3} maxRows={14}
              styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }} spellCheck={false}
              value={draft.statement ?? ''} error={at('statement')} onChange={(e) => change({ statement: e.currentTarget.value })}
            />
            <Group align="flex-start">
              <TextInput
                label="From the address" placeholder="not known; or 10.1.2.3" value={draft.from ?? ''} error={at('from')}
                onChange={(e) => change({ from: e.currentTarget.value.trim() })}
              />
              <TextInput
                label="A passkey was used before" placeholder="never; or 5m" value={draft.mfa ?? ''} error={durationFault(draft.mfa ?? '') ?? at('mfa_ago')}
                onChange={(e) => change({ mfa: e.currentTarget.value.trim() })}
              />
            </Group>
          </>
        )}
      </Form>
      {answer.isLoading && <Skeleton height={120} mt="lg" role="status" aria-label="Loading" />}
      {answer.data && !answer.isError && <Decision answer={answer.data} />}
    </>
  );
}

const namesOf = (query: UseQueryResult<{ items: { name: string }[] }>): string[] => query.data?.items.map(({ name }) => name) ?? [];

// withOwn keeps what the address says among the choices, so that it is shown even if there is no such thing.
const withOwn = (names: string[], own: string | undefined): string[] => (own && !names.includes(own) ? [...names, own] : names);
