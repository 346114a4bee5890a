import { memo } from 'react';
import { count } from '../../../format/amount';
import { localTime } from '../../../format/time';
import { axisTime } from './label';
import classes from './Histogram.module.css';
import { partsOf, SERIES, type Slot, type Split, summary, ticksOf } from './slots';

// GAP is the space between bars, as a part of a slot's width.
const GAP = 0.14;
// LAST_TICK is how far along the axis a label may begin.
const LAST_TICK = 0.93;

// Bars draws a bar for each slot, and the times below. The drawing is as wide as its place: a slot is one unit wide,
// and heights are percent.
export const Bars = memo(function Bars({ slots, split }: { slots: Slot[]; split: Split }) {
  const max = slots.reduce((most, slot) => Math.max(most, slot.count), 0);
  const start = slots[0]?.start ?? 0;
  const end = slots.at(-1)?.end ?? 1;
  // A label at the very end would be cut off.
  const ticks = ticksOf(slots, new Date(start).getTimezoneOffset()).filter((tick) => (tick - start) / (end - start) < LAST_TICK);
  return (
    <>
      <svg
        className={classes.bars}
        viewBox={`0 0 ${Math.max(slots.length, 1)} 100`}
        preserveAspectRatio="none"
        role="img"
        aria-label={summary(slots, (ms) => localTime(new Date(ms).toISOString()), count)}
      >
        {slots.map((slot, i) =>
          partsOf(slot, max).map((part) => (
            <rect
              key={`${i}.${part.series}`}
              data-series={SERIES[split][part.series] || 'none'}
              x={i + GAP / 2}
              width={1 - GAP}
              y={part.y}
              height={part.height}
            />
          )),
        )}
      </svg>
      {max > 0 && <span className={classes.max}>{count(max)}</span>}
      <div className={classes.axis} aria-hidden>
        {ticks.map((tick) => (
          <span key={tick} style={{ left: `${((tick - start) / (end - start)) * 100}%` }}>
            {axisTime(tick, end - start)}
          </span>
        ))}
      </div>
    </>
  );
});
