import { ActionIcon, Button, Select, TextInput, Tooltip } from '@mantine/core';
import { IconRefresh, IconSearch } from '@tabler/icons-react';
import { type RefObject, useState } from 'react';
import { TimeRange } from '../../components/TimeRange';
import classes from './RecordingsPage.module.css';
import type { ChangeList, RecordingsSearch } from './search';

interface Props {
  view: RecordingsSearch;
  change: ChangeList;
  // text is the box for what was shown.
  text: RefObject<HTMLInputElement | null>;
  refresh: () => void;
  fetching: boolean;
}

const KINDS = [{ value: 'shell', label: 'Shells' }, { value: 'exec', label: 'Commands' }] as const;
const STATES = [
  { value: 'open', label: 'Open now' }, { value: 'interrupted', label: 'Interrupted' }, { value: 'over', label: 'Over' },
] as const;

const TEXTS = ['q', 'user', 'resource', 'account'] as const;

const textsOf = ({ q = '', user = '', resource = '', account = '' }: RecordingsSearch) => ({ q, user, resource, account });

const sent = (text: string) => text.trim() || undefined;

// Filters choose recordings. What is typed counts with Enter and not with each letter, since a search of what was shown is on the record.
export function Filters({ view, change, text, refresh, fetching }: Props) {
  const [written, setWritten] = useState(() => textsOf(view));
  const field = (name: (typeof TEXTS)[number]) => ({
    value: written[name],
    spellCheck: false,
    autoComplete: 'off',
    maxLength: name === 'q' ? 256 : 128,
    onChange: (e: { currentTarget: { value: string } }) => setWritten({ ...written, [name]: e.currentTarget.value }),
  });
  // What was typed goes along with whatever is chosen.
  const all = { q: sent(written.q), user: sent(written.user), resource: sent(written.resource), account: sent(written.account) };
  return (
    <form
      role="search"
      className={classes.filters}
      onSubmit={(e) => {
        e.preventDefault();
        if (TEXTS.every((name) => all[name] === view[name])) refresh();
        else change(all);
      }}
    >
      <TextInput
        ref={text} className={classes.text} label="Shown in the terminal" placeholder="a text, then Enter"
        leftSection={<IconSearch size={14} aria-hidden />} {...field('q')}
      />
      <TextInput label="Person" placeholder="alice" w={150} {...field('user')} />
      <TextInput label="Server" placeholder="web-1" w={120} {...field('resource')} />
      <TextInput label="Account" placeholder="root" w={100} {...field('account')} />
      <Select
        label="What" placeholder="All" w={120} data={KINDS} value={view.command ?? null} clearable clearButtonProps={{ 'aria-label': 'Shells and commands' }}
        onChange={(value) => change({ ...all, command: KINDS.find((kind) => kind.value === value)?.value })}
      />
      <Select
        label="State" placeholder="Any" w={130} data={STATES} value={view.state ?? null} clearable clearButtonProps={{ 'aria-label': 'Any state' }}
        onChange={(value) => change({ ...all, state: STATES.find((state) => state.value === value)?.value })}
      />
      <TimeRange range={view} change={(range) => change({ ...all, ...range })} />
      <Button type="submit">Search</Button>
      <Tooltip label="Search again">
        <ActionIcon aria-label="Search again" variant="default" size={30} loading={fetching} onClick={refresh}>
          <IconRefresh size={15} />
        </ActionIcon>
      </Tooltip>
    </form>
  );
}
