import type { AuditEvent } from '../../api/types';

// mergeRows puts events that arrived live before a search's rows, newest first. An event that is in both, or came
// twice, is shown once, in its latest form: one whose result is known beats one whose is not.
export function mergeRows(found: AuditEvent[], arrived: ReadonlyMap<string, AuditEvent>): AuditEvent[] {
  if (arrived.size === 0) return found;
  const known = new Set<string>();
  const rows = found.map((event) => {
    known.add(event.id);
    const later = arrived.get(event.id);
    return later?.done && !event.done ? later : event;
  });
  const fresh = [...arrived.values()].filter((event) => !known.has(event.id)).sort(newestFirst);
  return [...fresh, ...rows];
}

function newestFirst(a: AuditEvent, b: AuditEvent): number {
  if (a.time !== b.time) return a.time < b.time ? 1 : -1;
  return b.seq - a.seq;
}

// MAX_ARRIVED bounds how many live events are kept; the oldest go first.
const MAX_ARRIVED = 2_000;

// withArrivals adds a batch of live events.
export function withArrivals(before: ReadonlyMap<string, AuditEvent>, batch: AuditEvent[]): Map<string, AuditEvent> {
  const after = new Map(before);
  for (const event of batch) {
    if (after.get(event.id)?.done && !event.done) continue;
    after.set(event.id, event);
  }
  for (const id of after.keys()) {
    if (after.size <= MAX_ARRIVED) break;
    after.delete(id);
  }
  return after;
}
