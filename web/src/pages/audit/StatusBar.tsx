import { Button } from '@mantine/core';
import type { InfiniteData, UseInfiniteQueryResult, UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import type { EventPage, Top } from '../../api/types';
import { count, plural } from '../../format/amount';
import classes from './AuditPage.module.css';
import { IndexState } from './IndexState';

export type Found = UseInfiniteQueryResult<InfiniteData<EventPage>>;

function StatusBar({ open, children }: { open: string; children: ReactNode }) {
  return (
    <div className={classes.status}>
      {children}
      <IndexState />
      <span className={classes.keys} aria-hidden>
        <span><kbd>/</kbd> search</span>
        <span><kbd>j</kbd> <kbd>k</kbd> move</span>
        <span><kbd>↵</kbd> {open}</span>
        <span><kbd>esc</kbd> close</span>
        <span><kbd>?</kbd> help</span>
      </span>
    </div>
  );
}

// EventsStatus says how much is shown and how far the search has looked, above all when that is not everywhere.
export function EventsStatus({ found, rows }: { found: Found; rows: number }) {
  const pages = found.data?.pages ?? [];
  const scanned = pages.reduce((sum, page) => sum + page.scanned, 0);
  const skipped = pages.reduce((sum, page) => sum + (page.skipped ?? 0), 0);
  const partial = pages.at(-1)?.partial ?? false;
  return (
    <StatusBar open="open">
      <span role="status">
        {found.data && `${plural(rows, 'event')}${found.hasNextPage ? ' so far' : ''}, newest first`}
      </span>
      {partial && (
        <span className="warn">
          Stopped early after {plural(scanned, 'record')}: older matches may be missing.{' '}
          <Button
            variant="default"
            size="compact-xs"
            loading={found.isFetchingNextPage}
            onClick={() => void found.fetchNextPage()}
          >
            Search on
          </Button>
        </span>
      )}
      <Skipped n={skipped} />
      {!partial && found.data && <span>{count(scanned)} records looked at</span>}
      {found.isFetchingNextPage && !partial && <span>Loading more…</span>}
    </StatusBar>
  );
}

// StatementsStatus says how many groups there are, and when their sums do not stand on all of the record.
export function StatementsStatus({ found }: { found: UseQueryResult<Top> }) {
  const { data } = found;
  return (
    <StatusBar open="events">
      <span role="status">
        {data &&
          (data.distinct > data.values.length
            ? `The first ${count(data.values.length)} of ${plural(data.distinct, 'statement')}`
            : plural(data.values.length, 'statement'))}
      </span>
      {data?.partial && (
        <span className="warn">
          Stopped early after {plural(data.scanned, 'record')}: the sums are too small.{' '}
          <Button variant="default" size="compact-xs" loading={found.isFetching} onClick={() => void found.refetch()}>
            Count again
          </Button>
        </span>
      )}
      <Skipped n={data?.skipped ?? 0} />
      {data && !data.partial && <span>{count(data.scanned)} records looked at</span>}
    </StatusBar>
  );
}

function Skipped({ n }: { n: number }) {
  if (n === 0) return null;
  return <span className="bad">{plural(n, 'record')} could not be read and are not in this answer</span>;
}
