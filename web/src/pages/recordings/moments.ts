import type { AuditEvent } from '../../api/types';

// Moment is a place in a recording to go to.
export interface Moment {
  key: string;
  // at is in seconds since the recording's beginning.
  at: number;
  text: string;
  refused: boolean;
}

// momentsOf are the statements of a session as moments of a recording that began then: those that came before it are left out, as is
// its own.
export function momentsOf(statements: AuditEvent[], recording: { statement: string; started: string }): Moment[] {
  const began = Date.parse(recording.started);
  return statements
    .filter((event) => event.id !== recording.statement && Date.parse(event.time) >= began)
    .map((event) => ({
      key: event.id,
      at: (Date.parse(event.time) - began) / 1000,
      text: [event.command === wordOf(event) ? '' : event.command, wordOf(event)].filter(Boolean).join(' '),
      refused: event.verdict === 'deny',
    }));
}

const wordOf = (event: AuditEvent): string => (typeof event.statement === 'string' ? event.statement : (event.command ?? ''));

const two = (n: number) => String(n).padStart(2, '0');

// position is a moment as players write it: "0:07", "12:30", "1:02:03".
export function position(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
