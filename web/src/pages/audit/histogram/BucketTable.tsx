import { count } from '../../../format/amount';
import classes from './Histogram.module.css';
import { spanLabel } from './label';
import { SERIES, seriesLabel, type Slot, type Split, totals } from './slots';

interface Props {
  slots: Slot[];
  split: Split;
  narrow: (start: number, end: number) => void;
}

// BucketTable is the chart in words: a row for each step with events, newest first.
export function BucketTable({ slots, split, narrow }: Props) {
  const sums = totals(slots, split);
  const columns = SERIES[split].map((name, i) => ({ name, i })).filter(({ i }) => (sums[i] ?? 0) > 0);
  return (
    <div className={classes.table} tabIndex={0} role="region" aria-label="Events over time, as a table">
      <table>
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col">Events</th>
            {columns.map(({ name }) => (
              <th key={name} scope="col">
                {seriesLabel(name, split)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {slots
            .filter((slot) => slot.count > 0)
            .reverse()
            .map((slot) => (
              <tr key={slot.start}>
                <th scope="row">
                  <button type="button" className={classes.key} onClick={() => narrow(slot.start, slot.end)}>
                    {spanLabel(slot.start, slot.end)}
                  </button>
                </th>
                <td>{count(slot.count)}</td>
                {columns.map(({ name, i }) => (
                  <td key={name}>{count(slot.parts[i] ?? 0)}</td>
                ))}
              </tr>
            ))}
        </tbody>
      </table>
    </div>
  );
}
