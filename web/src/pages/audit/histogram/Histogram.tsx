import { ActionIcon, Button, SegmentedControl, Skeleton, Tooltip } from '@mantine/core';
import { IconChartBar, IconTable, IconZoomOut } from '@tabler/icons-react';
import { type UseQueryResult } from '@tanstack/react-query';
import { type ReactNode, useMemo, useState } from 'react';
import type { HistogramView } from '../../../api/audit';
import { Problem } from '../../../api/http';
import { count, plural } from '../../../format/amount';
import { wider } from '../../../query/range';
import type { Filter } from '../EventTable';
import type { AuditSearchParams, ChangeView } from '../search';
import { useKeys } from '../../../components/useKeys';
import { Bars } from './Bars';
import { Brush } from './Brush';
import { BucketTable } from './BucketTable';
import classes from './Histogram.module.css';
import { SERIES, seriesLabel, type Slot, slotsOf, type Split, totals } from './slots';

interface Props {
  found: UseQueryResult<HistogramView>;
  view: AuditSearchParams;
  change: ChangeView;
  filter: Filter;
}

// Histogram shows how many events a search finds over time, and narrows the time to what is marked in it.
export function Histogram({ found, view, change, filter }: Props) {
  const split: Split = view.split ?? 'class';
  const [asTable, setAsTable] = useState(false);
  const data = found.data;
  const slots = useMemo(() => (data ? slotsOf(data, split) : []), [data, split]);
  const narrow = (start: number, end: number) => {
    const from = data?.from ? Math.max(start, Date.parse(data.from)) : start;
    change({ from: new Date(from).toISOString(), to: new Date(end).toISOString(), live: undefined });
  };
  const first = slots[0];
  const last = slots.at(-1);
  const bounded = Boolean(view.from || view.to);
  const zoomOut = () => bounded && first && last && change(wider(first.start, last.end));
  useKeys({ z: zoomOut });

  return (
    <section className={classes.histogram} aria-label="Events over time" aria-busy={found.isFetching}>
      <div className={classes.head}>
        <Legend slots={slots} split={split} filter={filter} />
        <div className={classes.tools}>
          <Doubts found={found} />
          <SegmentedControl
            size="xs"
            aria-label="Colour by"
            value={split}
            onChange={(value) => change({ split: value === 'verdict' ? value : undefined }, { replace: true })}
            data={[
              { value: 'class', label: 'Class' },
              { value: 'verdict', label: 'Verdict' },
            ]}
          />
          <Tool label={asTable ? 'Show as a chart' : 'Show as a table'} act={() => setAsTable(!asTable)}>
            {asTable ? <IconChartBar size={15} /> : <IconTable size={15} />}
          </Tool>
          <Tool label="Zoom out (z)" disabled={!first || !bounded} act={zoomOut}>
            <IconZoomOut size={15} />
          </Tool>
          {bounded && (
            <Button size="compact-xs" variant="subtle" color="gray" onClick={() => change({ from: undefined, to: undefined })}>
              Any time
            </Button>
          )}
        </div>
      </div>
      <Content found={found} empty={slots.length === 0}>
        {asTable ? (
          <BucketTable slots={slots} split={split} narrow={narrow} />
        ) : (
          <div className={classes.plot} data-stale={found.isPlaceholderData || undefined}>
            <Bars slots={slots} split={split} />
            <Brush slots={slots} split={split} narrow={narrow} />
          </div>
        )}
      </Content>
    </section>
  );
}

interface ContentProps {
  found: UseQueryResult<HistogramView>;
  empty: boolean;
  children: ReactNode;
}

function Content({ found, empty, children }: ContentProps) {
  if (found.isPending) return <Skeleton className={classes.waiting} height={64} role="status" aria-label="Counting events" />;
  if (found.isError) {
    // What is wrong with the search's text stands above, at its place.
    const told = found.error instanceof Problem && found.error.position !== undefined;
    return (
      <p className={classes.empty} role={told ? undefined : 'alert'}>
        {told ? 'Nothing is counted.' : `Events cannot be counted over time: ${found.error.message} `}
        {!told && (
          <Button size="compact-xs" variant="default" onClick={() => void found.refetch()}>
            Try again
          </Button>
        )}
      </p>
    );
  }
  if (empty) return <p className={classes.empty}>No events to count.</p>;
  return <>{children}</>;
}

// Doubts says when the counts do not stand on all of the record.
function Doubts({ found }: { found: UseQueryResult<HistogramView> }) {
  const { data } = found;
  if (!data?.partial && !data?.skipped) return null;
  return (
    <span className="warn" role="status">
      {data.partial && `Counts stand on ${plural(data.scanned, 'record')} only. `}
      {data.skipped ? `${plural(data.skipped, 'record')} could not be read. ` : ''}
      <Button size="compact-xs" variant="default" loading={found.isFetching} onClick={() => void found.refetch()}>
        Count again
      </Button>
    </span>
  );
}

function Legend({ slots, split, filter }: { slots: Slot[]; split: Split; filter: Filter }) {
  const sums = totals(slots, split);
  const all = slots.reduce((sum, slot) => sum + slot.count, 0);
  return (
    <div className={classes.legend}>
      {slots.length > 0 && <span className={classes.total}>{plural(all, 'event')}</span>}
      {SERIES[split].map((name, i) => {
        const sum = sums[i] ?? 0;
        if (sum === 0) return null;
        const label = (
          <>
            <span className={classes.swatch} data-series={name || 'none'} />
            {seriesLabel(name, split)} <span className={classes.number}>{count(sum)}</span>
          </>
        );
        return name ? (
          <button
            key={name}
            type="button"
            className={classes.key}
            title={`Click: only ${split}:${name}. Alt+click: all but that.`}
            onClick={(e) => filter(split, name, e.altKey)}
          >
            {label}
          </button>
        ) : (
          <span key="none" className={classes.key}>
            {label}
          </span>
        );
      })}
    </div>
  );
}

interface ToolProps {
  label: string;
  act: () => void;
  disabled?: boolean;
  children: ReactNode;
}

function Tool({ label, act, disabled = false, children }: ToolProps) {
  return (
    <Tooltip label={label}>
      <ActionIcon size={24} aria-label={label} disabled={disabled} onClick={act}>
        {children}
      </ActionIcon>
    </Tooltip>
  );
}
