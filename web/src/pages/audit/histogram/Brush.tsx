import { type KeyboardEvent, type PointerEvent, useState } from 'react';
import { count, plural } from '../../../format/amount';
import classes from './Histogram.module.css';
import { partCounts, slotLabel, spanLabel } from './label';
import { seriesLabel, type Slot, type Split } from './slots';

interface Props {
  slots: Slot[];
  split: Split;
  // narrow takes the marked span, in milliseconds since the epoch.
  narrow: (start: number, end: number) => void;
}

// Brush marks slots with the mouse or the keys, says what they hold, and narrows the time to them. For a keyboard and
// a screen reader it is a slider over the slots: arrows move, with Shift they mark, Enter narrows.
export function Brush({ slots, split, narrow }: Props) {
  // at is the slot under the mouse or the keys; anchor is where marking began. -1 is none.
  const [{ at, anchor }, mark] = useState({ at: -1, anchor: -1 });
  const last = slots.length - 1;
  const here = Math.min(at, last);
  const [low, high] = anchor < 0 ? [here, here] : [Math.min(anchor, here), Math.max(anchor, here)];
  const marked = here < 0 ? [] : slots.slice(low, high + 1);

  const apply = (from: number, to: number) => {
    const [start, end] = [slots[Math.min(from, to)], slots[Math.max(from, to)]];
    if (start && end) narrow(start.start, end.end);
    mark({ at: -1, anchor: -1 });
  };
  const under = (e: PointerEvent<HTMLDivElement>) => {
    const box = e.currentTarget.getBoundingClientRect();
    const slot = Math.floor(((e.clientX - box.left) / Math.max(box.width, 1)) * slots.length);
    return Math.min(Math.max(slot, 0), last);
  };
  const press = (e: KeyboardEvent) => {
    const move = moves[e.key];
    if (move !== undefined) {
      const from = here < 0 ? last : here;
      const next = here < 0 ? last : Math.min(Math.max(from + Math.max(Math.min(move, slots.length), -slots.length), 0), last);
      mark({ at: next, anchor: e.shiftKey ? (anchor < 0 ? from : anchor) : -1 });
    } else if (e.key === 'Enter' && here >= 0) apply(low, high);
    else if (e.key === 'Escape' && anchor >= 0) mark({ at: here, anchor: -1 });
    else return;
    e.preventDefault();
  };

  return (
    <div
      className={classes.brush}
      role="slider"
      tabIndex={0}
      aria-label="Time; Shift with the arrow keys marks, Enter narrows the search to it"
      aria-valuemin={0}
      aria-valuemax={last}
      aria-valuenow={here < 0 ? last : here}
      aria-valuetext={slotLabel(here < 0 ? slots.slice(-1) : marked, split)}
      onKeyDown={press}
      onFocus={(e) => e.currentTarget.matches(':focus-visible') && here < 0 && mark({ at: last, anchor: -1 })}
      onBlur={() => mark({ at: -1, anchor: -1 })}
      onPointerDown={(e) => {
        if (e.button !== 0) return;
        e.currentTarget.setPointerCapture(e.pointerId);
        mark({ at: under(e), anchor: under(e) });
      }}
      onPointerMove={(e) => mark({ at: under(e), anchor: e.buttons & 1 ? anchor : -1 })}
      onPointerUp={(e) => anchor >= 0 && apply(anchor, under(e))}
      onPointerCancel={() => mark({ at: -1, anchor: -1 })}
      onPointerLeave={(e) => e.buttons === 0 && mark({ at: -1, anchor: -1 })}
    >
      {here >= 0 && (
        <>
          <div
            className={classes.mark}
            data-marking={anchor >= 0 || undefined}
            style={{ left: `${(low / slots.length) * 100}%`, width: `${((high - low + 1) / slots.length) * 100}%` }}
          />
          <Tip slots={marked} split={split} place={(low + high + 1) / 2 / slots.length} />
        </>
      )}
    </div>
  );
}

// moves are how far a key goes; more than there are slots is to the end.
const moves: Record<string, number> = {
  ArrowLeft: -1,
  ArrowDown: -1,
  ArrowRight: 1,
  ArrowUp: 1,
  PageUp: 10,
  PageDown: -10,
  Home: -1e9,
  End: 1e9,
};

function Tip({ slots, split, place }: { slots: Slot[]; split: Split; place: number }) {
  const first = slots[0];
  const last = slots.at(-1);
  if (!first || !last) return null;
  return (
    <div
      className={classes.tip}
      aria-hidden
      style={place < 0.5 ? { left: `calc(${place * 100}% + 14px)` } : { right: `calc(${(1 - place) * 100}% + 14px)` }}
    >
      <div>{spanLabel(first.start, last.end)}</div>
      <strong>{plural(slots.reduce((sum, slot) => sum + slot.count, 0), 'event')}</strong>
      {partCounts(slots, split).map(({ name, n }) => (
        <div key={name} className={classes.tipLine}>
          <span className={classes.swatch} data-series={name || 'none'} />
          {seriesLabel(name, split)}
          <span className={classes.number}>{count(n)}</span>
        </div>
      ))}
    </div>
  );
}
