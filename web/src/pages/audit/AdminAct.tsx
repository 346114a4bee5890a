import type { AuditEvent } from '../../api/types';
import { Code } from '../../components/Code';
import classes from './EventPanel.module.css';

// Admin shows a change made through the control plane: the object before and after.
export function Admin({ event }: { event: AuditEvent }) {
  if (event.type !== 'admin') return null;
  return (
    <>
      <p>
        <strong className="mono">{event.action}</strong> {event.target}
      </p>
      <Side name="Before" json={event.before} />
      <Side name="After" json={event.after} />
    </>
  );
}

function Side({ name, json }: { name: string; json: string | undefined }) {
  if (!json) return null;
  return (
    <div className={classes.box}>
      <div className={classes.boxHead}>{name}</div>
      <Code text={indented(json)} language="json" />
    </div>
  );
}

function indented(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}
