import type { ReactNode } from 'react';
import type { AuditEvent } from '../../api/types';
import { bytes, count } from '../../format/amount';
import { outcome } from '../../format/event';
import { duration } from '../../format/time';
import classes from './EventPanel.module.css';

// Outcome is what became of it: the numbers in a line, and the error or refusal in full.
export function Outcome({ event }: { event: AuditEvent }) {
  const { tone, text } = outcome(event);
  const known = event.done || event.type === 'session.end';
  return (
    <>
      <dl className={classes.outcome}>
        {text && (
          <Fact name="Outcome">
            <span className={tone === 'ok' ? 'good' : tone === 'running' ? 'warn' : 'bad'}>
              {tone === 'running' ? 'running, or its result was never recorded' : text}
            </span>
          </Fact>
        )}
        {event.type === 'session.end' && <Fact name="Statements">{count(event.statements ?? 0)}</Fact>}
        {known && <Fact name="Rows">{count(event.rows ?? 0)}</Fact>}
        {known && <Fact name="Duration">{duration(event.duration_us ?? 0)}</Fact>}
        {event.first_row_us !== undefined && <Fact name="First row">{duration(event.first_row_us)}</Fact>}
        {known && <Fact name="In">{bytes(event.bytes_in ?? 0)}</Fact>}
        {known && <Fact name="Out">{bytes(event.bytes_out ?? 0)}</Fact>}
        {event.tag && <Fact name="Tag"><span className="mono">{event.tag}</span></Fact>}
      </dl>
      {(event.error_code || event.error_message) && (
        <div className={classes.problem}>
          <strong className="mono">{event.error_code}</strong> {event.error_message}
        </div>
      )}
      {event.reason && <div className={event.type === 'session.end' ? undefined : classes.problem}>{event.reason}</div>}
    </>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
