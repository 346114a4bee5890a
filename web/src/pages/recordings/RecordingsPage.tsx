import { Button, Skeleton } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { type ReactNode, useEffect, useMemo, useRef } from 'react';
import { recordings, searchedRecordings } from '../../api/recordings';
import { Command, Failure, Notice } from '../../components/Notice';
import { useKeys } from '../../components/useKeys';
import { type Answer, listed, searched } from './answer';
import { Filters } from './Filters';
import classes from './RecordingsPage.module.css';
import { RecordingsTable } from './RecordingsTable';
import type { ChangeList, RecordingsSearch } from './search';

const route = getRouteApi('/app/recordings');

// RecordingsPage lists what was recorded of terminals, and finds the moments at which a text was shown. The URL holds the whole view.
export function RecordingsPage() {
  const view = route.useSearch();
  const navigate = route.useNavigate();
  const { q = '', ...filter } = view;
  const list = useInfiniteQuery({ ...recordings(filter), enabled: q === '' });
  const search = useInfiniteQuery(searchedRecordings(filter, q));
  const shown = q ? search : list;
  const answer = useMemo(
    () => (q ? search.data && searched(search.data.pages) : list.data && listed(list.data.pages, list.hasNextPage)),
    [q, search.data, list.data, list.hasNextPage],
  );
  const refresh = () => void shown.refetch();
  const change: ChangeList = (part) => void navigate({ search: (before) => ({ ...before, ...part }) });
  const text = useRef<HTMLInputElement>(null);
  const table = useRef<HTMLDivElement>(null);

  useEffect(() => {
    document.title = q ? `${q} · Recordings · Sallyport` : 'Recordings · Sallyport';
  }, [q]);
  const move = (step: number) => {
    const links = [...(table.current?.querySelectorAll('a') ?? [])];
    const at = links.findIndex((link) => link === document.activeElement);
    links[at < 0 ? 0 : Math.min(Math.max(at + step, 0), links.length - 1)]?.focus();
  };
  useKeys({ '/': () => text.current?.select(), j: () => move(1), k: () => move(-1) });

  return (
    <div className={classes.page}>
      <h1 className={classes.title}>Recordings</h1>
      <Filters key={JSON.stringify(view)} view={view} change={change} text={text} refresh={refresh} fetching={shown.isFetching} />
      {shown.error && !answer ? (
        <Failure what={q ? 'The recordings cannot be searched' : 'The recordings cannot be shown'} error={shown.error} retry={refresh} />
      ) : !answer ? (
        <Waiting searching={q !== ''} />
      ) : (
        <>
          <Status answer={answer} error={shown.error}>
            {shown.hasNextPage && (
              <Button variant="default" size="compact-xs" loading={shown.isFetchingNextPage} onClick={() => void shown.fetchNextPage()}>
                {q ? 'Search on' : 'Show older ones'}
              </Button>
            )}
          </Status>
          {answer.items.length > 0 ? (
            <RecordingsTable ref={table} items={answer.items} q={q} />
          ) : (
            <Nothing view={view} whole={!shown.hasNextPage} showAll={() => void navigate({ search: {} })} />
          )}
        </>
      )}
    </div>
  );
}

function Waiting({ searching }: { searching: boolean }) {
  return (
    <div className={classes.waiting} role="status" aria-label="Loading">
      {searching && <p className="soft">Looking into the recordings, the newest first…</p>}
      {Array.from({ length: 6 }, (_, n) => (
        <Skeleton key={n} height={16} />
      ))}
    </div>
  );
}

// Status says how much is shown, and what of it is missing; its children go on from there.
function Status({ answer, error, children }: { answer: Answer; error: Error | null; children: ReactNode }) {
  return (
    <div className={classes.status}>
      <span role="status">{answer.told}</span>
      {answer.missing.map((missing) => (
        <span key={missing} className="warn">
          {missing}
        </span>
      ))}
      {error && (
        <span role="alert" className="bad">
          Not up to date: {error.message}
        </span>
      )}
      {children}
      <span className={classes.keys} aria-hidden>
        <span><kbd>/</kbd> search</span>
        <span><kbd>j</kbd> <kbd>k</kbd> move</span>
        <span><kbd>↵</kbd> open</span>
      </span>
    </div>
  );
}

// Nothing says why there is nothing: it was not found so far, it does not match, or nothing was ever recorded.
function Nothing({ view, whole, showAll }: { view: RecordingsSearch; whole: boolean; showAll: () => void }) {
  if (!whole) {
    return (
      <Notice title={view.q ? 'Not found so far' : 'None so far'}>
        <p>Older recordings were not looked at yet.</p>
      </Notice>
    );
  }
  if (Object.keys(view).length > 0) {
    return (
      <Notice title={view.q ? 'No recording showed this' : 'No recording matches'}>
        <p>{view.q ? 'What was typed and not echoed is not searched; small and capital letters are the same.' : 'All of the record was looked at.'}</p>
        <Button variant="default" onClick={showAll}>
          Show all recordings
        </Button>
      </Notice>
    );
  }
  return (
    <Notice title="Nothing was recorded yet">
      <p>Shells at SSH servers are recorded, and the output of commands where a resource asks for it. To make the first:</p>
      <Command>sally login https://sally.acme.com</Command>
      <Command>sally ssh web-1</Command>
    </Notice>
  );
}
