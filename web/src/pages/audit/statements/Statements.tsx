import { Button, Skeleton } from '@mantine/core';
import { IconArrowDown } from '@tabler/icons-react';
import type { UseQueryResult } from '@tanstack/react-query';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type Ref, useEffect, useImperativeHandle, useRef } from 'react';
import type { Measure } from '../../../api/audit';
import { Problem } from '../../../api/http';
import type { Top, TopValue } from '../../../api/types';
import { Failure, Notice } from '../../../components/Notice';
import type { ChangeView } from '../search';
import { Row } from './Row';
import classes from './Statements.module.css';

const ROW_PX = 28;

interface Props {
  ref: Ref<HTMLDivElement>;
  found: UseQueryResult<Top>;
  by: Measure;
  change: ChangeView;
  current: string;
  // open shows the events of a fingerprint.
  open: (fingerprint: string) => void;
}

// Statements groups what a search finds by fingerprint: statements that differ in literals only are one line.
export function Statements({ found, ...rest }: Props) {
  if (found.isPending) return <Waiting />;
  if (found.isError) return <Refused found={found} error={found.error} />;
  if (found.data.values.length === 0) return <None change={rest.change} partial={found.data.partial ?? false} />;
  return <Groups groups={found.data.values} stale={found.isPlaceholderData} {...rest} />;
}

function Waiting() {
  return (
    <div className={classes.waiting} role="status" aria-label="Loading">
      {Array.from({ length: 10 }, (_, n) => (
        <Skeleton key={n} height={14} />
      ))}
    </div>
  );
}

function Refused({ found, error }: { found: UseQueryResult<Top>; error: Error }) {
  if (error instanceof Problem && error.position !== undefined) {
    return <Notice title="The search could not be understood">The place is marked above.</Notice>;
  }
  return <Failure what="Statements cannot be grouped" error={error} retry={() => void found.refetch()} />;
}

function None({ change, partial }: { change: ChangeView; partial: boolean }) {
  return (
    <Notice title={partial ? 'No group so far' : 'No statements to group'}>
      <p>
        {partial
          ? 'Counting stopped early and has not seen all of the record. Narrow the time or the search.'
          : 'None of the events that match has a fingerprint: either no statement is among them, or they were recorded before statements had fingerprints.'}
      </p>
      <Button variant="default" onClick={() => change({ view: undefined, by: undefined })}>
        Show the events
      </Button>
    </Notice>
  );
}

interface GroupsProps extends Omit<Props, 'found'> {
  groups: TopValue[];
  stale: boolean;
}

function Groups({ ref, groups, stale, by, change, current, open }: GroupsProps) {
  const scroller = useRef<HTMLDivElement>(null);
  useImperativeHandle(ref, () => scroller.current as HTMLDivElement, []);
  // eslint-disable-next-line react-hooks/incompatible-library -- nothing memoized gets what it returns
  const virtual = useVirtualizer({
    count: groups.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 4,
    scrollPaddingStart: ROW_PX,
    initialRect: { width: 1200, height: 600 },
  });
  const at = groups.findIndex((group) => group.value === current);
  useEffect(() => {
    if (at >= 0) virtual.scrollToIndex(at, { align: 'auto' });
    // Only when the mark moves.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [current]);

  return (
    <div
      ref={scroller}
      className={classes.grid}
      data-stale={stale || undefined}
      role="grid"
      aria-label="Statements"
      aria-rowcount={groups.length + 1}
      aria-activedescendant={at >= 0 ? `group-${current}` : undefined}
      tabIndex={0}
    >
      <Head by={by} change={change} />
      <div className={classes.body} role="rowgroup" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map((item) => {
          const group = groups[item.index];
          return (
            group && (
              <Row
                key={group.value}
                group={group}
                index={item.index}
                top={item.index * ROW_PX}
                selected={group.value === current}
                open={open}
              />
            )
          );
        })}
      </div>
    </div>
  );
}

const MEASURES: { by: Measure; label: string; column: string }[] = [
  { by: 'count', label: 'Count', column: 'count' },
  { by: 'duration', label: 'Total time', column: 'total' },
  { by: 'rows', label: 'Rows', column: 'rows' },
  { by: 'bytes', label: 'Bytes', column: 'bytes' },
];

function Head({ by, change }: { by: Measure; change: ChangeView }) {
  const measure = (name: Measure) => {
    const { label, column } = MEASURES.find((m) => m.by === name) ?? { label: name, column: name };
    return (
      <span role="columnheader" data-col={column} className={classes.number} aria-sort={by === name ? 'descending' : undefined}>
        <button
          type="button"
          className={classes.sort}
          title={`Order by ${label.toLowerCase()}, largest first`}
          onClick={() => change({ by: name === 'count' ? undefined : name })}
        >
          {by === name && <IconArrowDown size={11} aria-hidden />}
          {label}
        </button>
      </span>
    );
  };
  return (
    <div role="rowgroup" style={{ display: 'contents' }}>
      <div role="row" aria-rowindex={1} className={classes.head}>
        {measure('count')}
        {measure('duration')}
        <span role="columnheader" data-col="mean" className={classes.number}>Mean</span>
        {measure('rows')}
        {measure('bytes')}
        <span role="columnheader" data-col="class">Class</span>
        <span role="columnheader" data-col="last">Last</span>
        <span role="columnheader">Statement, such as</span>
      </div>
    </div>
  );
}
