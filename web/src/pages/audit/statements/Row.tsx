import { Skeleton } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { auditSample } from '../../../api/audit';
import type { TopValue } from '../../../api/types';
import { bytes, count } from '../../../format/amount';
import { oneLine } from '../../../format/event';
import { age, duration, localTime } from '../../../format/time';
import classes from './Statements.module.css';

interface Props {
  group: TopValue;
  index: number;
  // top is the row's place, in pixels.
  top: number;
  selected: boolean;
  open: (fingerprint: string) => void;
}

// Row is one group with its sums, and its newest statement as a sample. Rows out of sight do not exist, so that only
// samples in sight are asked for.
export function Row({ group, index, top, selected, open }: Props) {
  const sample = useQuery(auditSample(group.value));
  const event = sample.data;
  const cell = (column: string, text: string) => (
    <span role="gridcell" data-col={column} className={classes.number}>
      {text}
    </span>
  );
  return (
    <div
      role="row"
      id={`group-${group.value}`}
      aria-rowindex={index + 2}
      aria-selected={selected}
      className={classes.row}
      style={{ transform: `translateY(${top}px)` }}
      title="Show the events of this statement"
      onClick={() => open(group.value)}
    >
      {cell('count', count(group.count))}
      {cell('total', duration(group.duration_us))}
      {cell('mean', group.count > 0 ? duration(Math.round(group.duration_us / group.count)) : '')}
      {cell('rows', count(group.rows))}
      {cell('bytes', bytes(group.bytes))}
      <span role="gridcell" data-col="class" className={classes.soft}>{event?.class}</span>
      <span role="gridcell" data-col="last" className={classes.soft} title={event ? localTime(event.time) : undefined}>
        {event && age(event.time)}
      </span>
      <span role="gridcell" className={classes.statement}>
        {sample.isPending ? <Skeleton height={10} /> : event ? oneLine(event) : <span className="mono soft">{group.value}</span>}
      </span>
    </div>
  );
}
