import { Button } from '@mantine/core';
import { IconArrowUp } from '@tabler/icons-react';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type MouseEvent, memo, type Ref, useEffect, useImperativeHandle, useRef } from 'react';
import type { AuditEvent } from '../../api/types';
import { plural } from '../../format/amount';
import { durationText, oneLine, outcome, rowsText } from '../../format/event';
import { localTime, shortTime } from '../../format/time';
import classes from './EventTable.module.css';
import { useHeldRows } from './useHeldRows';

const ROW_PX = 26;
const HEAD_PX = 28;

export type Filter = (field: string, value: string, negated?: boolean) => void;

interface Props {
  ref: Ref<HTMLDivElement>;
  rows: AuditEvent[];
  current: string;
  // compact leaves out the numbers, for a table beside a panel.
  compact: boolean;
  open: (id: string) => void;
  filter: Filter;
  // nearEnd is called when the reader comes near the last row.
  nearEnd: () => void;
}

// EventTable shows events in rows of one line each; only those in sight are in the page.
export function EventTable({ ref, rows: all, current, compact, open, filter, nearEnd }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  useImperativeHandle(ref, () => scroller.current as HTMLDivElement, []);
  const { rows, held, onScroll, release } = useHeldRows(all, scroller);

  // eslint-disable-next-line react-hooks/incompatible-library -- nothing memoized gets what it returns
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 12,
    paddingStart: 0,
    scrollPaddingStart: HEAD_PX,
    initialRect: { width: 1200, height: 800 },
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (last >= rows.length - 40) nearEnd();
  }, [last, rows.length, nearEnd]);

  const at = rows.findIndex((row) => row.id === current);
  useEffect(() => {
    if (at >= 0) virtual.scrollToIndex(at, { align: 'auto' });
    // Only when the mark moves: new rows above it must not pull the reader along.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [current]);

  return (
    <>
      {held > 0 && (
        <Button className={classes.more} radius="xl" size="compact-sm" leftSection={<IconArrowUp size={13} />} onClick={release}>
          {plural(held, 'new event')}
        </Button>
      )}
      <div
        ref={scroller}
        className={classes.grid}
        data-compact={compact || undefined}
        role="grid"
        aria-label="Events"
        aria-rowcount={rows.length + 1}
        aria-activedescendant={at >= 0 ? `event-${current}` : undefined}
        tabIndex={0}
        onScroll={onScroll}
      >
        <Head />
        <div className={classes.body} role="rowgroup" style={{ height: virtual.getTotalSize() }}>
          {items.map((item) => {
            const event = rows[item.index];
            return (
              event && (
                <Row
                  key={event.id}
                  event={event}
                  index={item.index}
                  selected={event.id === current}
                  compact={compact}
                  open={open}
                  filter={filter}
                />
              )
            );
          })}
        </div>
      </div>
    </>
  );
}

function Head() {
  return (
    <div role="rowgroup" className={classes.headGroup} style={{ display: 'contents' }}>
      <div role="row" aria-rowindex={1} className={classes.head}>
        <span role="columnheader">Time</span>
        <span role="columnheader">User</span>
        <span role="columnheader">Resource</span>
        <span role="columnheader">Class</span>
        <span role="columnheader" data-col="rows" className={classes.number}>Rows</span>
        <span role="columnheader" data-col="duration" className={classes.number}>Duration</span>
        <span role="columnheader">Outcome</span>
        <span role="columnheader">Statement</span>
      </div>
    </div>
  );
}

interface RowProps {
  event: AuditEvent;
  index: number;
  selected: boolean;
  compact: boolean;
  open: (id: string) => void;
  filter: Filter;
}

const Row = memo(function Row({ event, index, selected, compact, open, filter }: RowProps) {
  const { tone, text } = outcome(event);
  const isStatement = event.type === 'statement' || event.type === 'statement.result';
  const time = shortTime(event.time);
  return (
    <div
      role="row"
      id={`event-${event.id}`}
      aria-rowindex={index + 2}
      aria-selected={selected}
      className={classes.row}
      data-tone={tone}
      style={{ transform: `translateY(${index * ROW_PX}px)` }}
      onClick={() => open(event.id)}
    >
      <span role="gridcell" className={`${classes.cell} ${classes.time}`} title={localTime(event.time)}>
        {compact ? time.slice(0, -4) : time}
      </span>
      <Value field="user" value={event.user} filter={filter} />
      <Value field="resource" value={event.resource} filter={filter} />
      <Value field="class" value={event.class} filter={filter} className={classes.class} />
      <span role="gridcell" data-col="rows" className={`${classes.cell} ${classes.number}`}>{rowsText(event)}</span>
      <span role="gridcell" data-col="duration" className={`${classes.cell} ${classes.number}`}>{durationText(event)}</span>
      <span role="gridcell" className={`${classes.cell} ${classes.tone}`} data-tone={tone} title={event.error_message ?? event.reason}>
        {text}
      </span>
      <span role="gridcell" className={`${classes.cell} ${classes.statement} ${isStatement ? '' : classes.told}`}>
        {oneLine(event)}
      </span>
    </div>
  );
});

interface ValueProps {
  field: string;
  value: string | undefined;
  filter: Filter;
  className?: string;
}

// Value is a cell that narrows the search to its value; with Alt, it excludes it.
function Value({ field, value, filter, className = '' }: ValueProps) {
  const click = (e: MouseEvent) => {
    e.stopPropagation();
    if (value) filter(field, value, e.altKey);
  };
  return (
    <span role="gridcell" className={classes.cell}>
      {value && (
        <button
          type="button"
          tabIndex={-1}
          className={`${classes.value} ${className}`}
          data-class={value}
          title={`${value}\nClick: only ${field}:${value}. Alt+click: all but that.`}
          onClick={click}
        >
          {value}
        </button>
      )}
    </span>
  );
}
