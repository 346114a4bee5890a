import { ActionIcon, Button, TextInput, Tooltip } from '@mantine/core';
import { IconRefresh, IconSearch, IconX } from '@tabler/icons-react';
import { type RefObject, useState } from 'react';
import { Problem } from '../../api/http';
import { TimeRange } from '../../components/TimeRange';
import { caret, isList, parseTerms, withoutTerm } from '../../query/terms';
import classes from './QueryBar.module.css';
import type { AuditSearchParams, ChangeView } from './search';
import { SyntaxHelp } from './SyntaxHelp';
import type { TailState } from './useTail';

interface Props {
  view: AuditSearchParams;
  change: ChangeView;
  error: Error | null;
  tail: TailState;
  input: RefObject<HTMLInputElement | null>;
  // leave moves from the box to the first row.
  leave: () => void;
  refresh: () => void;
  fetching: boolean;
  // helped says that the help is open.
  helped: boolean;
  setHelped: (open: boolean) => void;
}

export function QueryBar({ view, change, error, tail, input, leave, refresh, fetching, helped, setHelped }: Props) {
  const q = view.q ?? '';
  return (
    <div className={classes.bar}>
      <div className={classes.line}>
        <QueryBox key={q} {...{ q, change, input, leave, refresh, helped, setHelped }} invalid={isSyntax(error)} />
        {/* A live view has no end. */}
        <TimeRange range={view} change={(range) => change({ ...range, ...(range.to && { live: undefined }) })} />
        <LiveButton live={view.live === 'on'} state={tail} change={change} />
        <Tooltip label="Search again">
          <ActionIcon aria-label="Search again" onClick={refresh} loading={fetching} variant="default" size={30}>
            <IconRefresh size={15} />
          </ActionIcon>
        </Tooltip>
      </div>
      <Terms q={q} change={change} />
      {isSyntax(error) && <SyntaxError q={q} problem={error} />}
    </div>
  );
}

const isSyntax = (error: Error | null): error is Problem => error instanceof Problem && error.position !== undefined;

interface BoxProps extends Pick<Props, 'change' | 'input' | 'leave' | 'refresh' | 'helped' | 'setHelped'> {
  q: string;
  invalid: boolean;
}

function QueryBox({ q, change, input, leave, refresh, helped, setHelped, invalid }: BoxProps) {
  const [text, setText] = useState(q);
  return (
    <form
      role="search"
      className={classes.form}
      onSubmit={(e) => {
        e.preventDefault();
        if (text.trim() === q) refresh();
        else change({ q: text.trim() || undefined, event: undefined });
        input.current?.focus();
      }}
    >
      <TextInput
        ref={input}
        classNames={{ input: classes.input }}
        aria-label="Search the record"
        aria-invalid={invalid}
        placeholder='Search statements, or narrow: user:ali* class:write "refund" duration:>1s'
        leftSection={<IconSearch size={14} aria-hidden />}
        rightSection={<SyntaxHelp opened={helped} setOpened={setHelped} />}
        value={text}
        spellCheck={false}
        autoComplete="off"
        autoCapitalize="off"
        onChange={(e) => setText(e.currentTarget.value)}
        onKeyDown={(e) => {
          if (e.key !== 'ArrowDown' && e.key !== 'Escape') return;
          e.preventDefault();
          if (e.key === 'Escape') e.currentTarget.blur();
          else leave();
        }}
      />
    </form>
  );
}

function Terms({ q, change }: { q: string; change: ChangeView }) {
  const terms = parseTerms(q);
  if (terms.length === 0 || !isList(q)) return null;
  return (
    <div className={classes.terms} role="group" aria-label="Terms of the search">
      {terms.map((term, i) => (
        <span key={i} className={classes.term} data-negated={term.negated || undefined}>
          <span>{term.text}</span>
          <ActionIcon
            size={18}
            aria-label={`Remove ${term.text}`}
            onClick={() => change({ q: withoutTerm(q, i) || undefined })}
          >
            <IconX size={12} />
          </ActionIcon>
        </span>
      ))}
      {terms.length > 1 && (
        <Button size="compact-xs" variant="subtle" color="gray" onClick={() => change({ q: undefined })}>
          Clear
        </Button>
      )}
    </div>
  );
}

function SyntaxError({ q, problem }: { q: string; problem: Problem }) {
  const [before, at, after] = caret(q, problem.position ?? 0, problem.length ?? 1);
  return (
    <div className={classes.error} role="alert">
      <pre>
        {before}
        <mark>{at || '▁'}</mark>
        {after}
      </pre>
      {problem.message}
    </div>
  );
}

const TAIL_LABEL: Record<TailState, string> = {
  off: 'Live',
  connecting: 'Connecting',
  live: 'Live',
  refused: 'Not live',
};

function LiveButton({ live, state, change }: { live: boolean; state: TailState; change: ChangeView }) {
  return (
    <Tooltip label={live ? 'Stop following' : 'Show new events as they are recorded'}>
      <Button
        variant={live ? 'light' : 'default'}
        aria-pressed={live}
        onClick={() => change(live ? { live: undefined } : { live: 'on', to: undefined })}
        leftSection={<span className={classes.live} data-state={live ? state : undefined} />}
      >
        {live ? TAIL_LABEL[state] : 'Live'}
      </Button>
    </Tooltip>
  );
}
