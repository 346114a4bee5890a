import { Button, Skeleton } from '@mantine/core';
import type { ReactNode } from 'react';
import { Problem } from '../../api/http';
import type { AuditEvent } from '../../api/types';
import { Command, Failure, Notice } from '../../components/Notice';
import classes from './AuditPage.module.css';
import { StartingPoints } from './saved/StartingPoints';
import type { AuditSearchParams, ChangeView } from './search';
import type { Found } from './StatusBar';

interface Props {
  found: Found;
  rows: AuditEvent[];
  view: AuditSearchParams;
  change: ChangeView;
  live: boolean;
  children: ReactNode;
}

// Results shows the table, or why there is none.
export function Results({ found, rows, view, change, live, children }: Props) {
  if (rows.length > 0) return <>{children}</>;
  if (found.isPending) return <Waiting />;
  return <div className={classes.center}>{found.isError ? <Refused found={found} error={found.error} /> : <Nothing {...{ found, view, change, live }} />}</div>;
}

function Waiting() {
  return (
    <div className={classes.skeletons} role="status" aria-label="Loading">
      {Array.from({ length: 12 }, (_, n) => (
        <Skeleton key={n} height={14} />
      ))}
    </div>
  );
}

function Refused({ found, error }: { found: Found; error: Error }) {
  if (error instanceof Problem && error.position !== undefined) {
    return <Notice title="The search could not be understood">The place is marked above.</Notice>;
  }
  return <Failure what="The record cannot be searched" error={error} retry={() => void found.refetch()} />;
}

function Nothing({ found, view, change, live }: Omit<Props, 'rows' | 'children'>) {
  const narrowed = Boolean(view.q || view.from || view.to);
  if (found.data?.pages.at(-1)?.partial) {
    return (
      <Notice title="No match so far">
        <p>The search stopped early and has not seen all of the record.</p>
        <Button variant="default" loading={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
          Search on in older records
        </Button>
      </Notice>
    );
  }
  if (narrowed) {
    return (
      <Notice title="Nothing in the record matches">
        <p>{live ? 'New events that match show here as they happen.' : 'All of the record was searched.'}</p>
        <Button variant="default" onClick={() => change({ q: undefined, from: undefined, to: undefined })}>
          Show everything
        </Button>
        <Beginnings />
      </Notice>
    );
  }
  return (
    <Notice title="The record is empty">
      <p>Every statement that goes through Sallyport is written here before it runs. To make the first:</p>
      <Command>sally login https://sally.acme.com</Command>
      <Command>sally db connect orders</Command>
      <Beginnings />
    </Notice>
  );
}

function Beginnings() {
  return (
    <div className={classes.beginnings}>
      <p>Searches that many begin with:</p>
      <StartingPoints />
    </div>
  );
}
