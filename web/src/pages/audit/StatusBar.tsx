import { Button } from '@mantine/core';
import type { InfiniteData, UseInfiniteQueryResult } from '@tanstack/react-query';
import type { EventPage } from '../../api/types';
import { count, plural } from '../../format/amount';
import classes from './AuditPage.module.css';

export type Found = UseInfiniteQueryResult<InfiniteData<EventPage>>;

// StatusBar says how much is shown and how far the search has looked, above all when that is not everywhere.
export function StatusBar({ found, rows }: { found: Found; rows: number }) {
  const pages = found.data?.pages ?? [];
  const scanned = pages.reduce((sum, page) => sum + page.scanned, 0);
  const skipped = pages.reduce((sum, page) => sum + (page.skipped ?? 0), 0);
  const partial = pages.at(-1)?.partial ?? false;
  return (
    <div className={classes.status}>
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
      {skipped > 0 && <span className="bad">{plural(skipped, 'record')} could not be read and are not in this answer</span>}
      {!partial && found.data && <span>{count(scanned)} records looked at</span>}
      {found.isFetchingNextPage && !partial && <span>Loading more…</span>}
      <span className={classes.keys} aria-hidden>
        <span><kbd>/</kbd> search</span>
        <span><kbd>j</kbd> <kbd>k</kbd> move</span>
        <span><kbd>↵</kbd> open</span>
        <span><kbd>esc</kbd> close</span>
      </span>
    </div>
  );
}
