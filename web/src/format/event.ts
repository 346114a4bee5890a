import type { AuditEvent, Param, StatementText } from '../api/types';
import { bytes, count, plural } from './amount';
import { duration } from './time';

// StatementView is a statement's text as far as the event holds it, and what to say when that is not simply all of it.
export interface StatementView {
  text: string;
  note: string;
}

export function statementView(statement: StatementText | undefined): StatementView {
  if (statement === undefined) return { text: '', note: '' };
  if (typeof statement === 'string') return { text: statement, note: '' };
  if ('base64' in statement) {
    return {
      text: decodeLossy(statement.base64),
      note: 'Not valid UTF-8: bytes that are no text show as �. The JSON view has every byte, in base64.',
    };
  }
  return {
    text: statement.head ?? '',
    note: `Only the beginning of ${bytes(statement.size)}. The whole is kept beside the journal as ${statement.file}.`,
  };
}

function decodeLossy(base64: string): string {
  try {
    const raw = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    return new TextDecoder().decode(raw);
  } catch {
    return base64;
  }
}

export interface ParamView {
  kind: 'NULL' | 'text' | 'bytes' | 'file';
  text: string;
}

// paramView is one bind parameter. The empty string is text, not NULL.
export function paramView(param: Param): ParamView {
  if (param === null) return { kind: 'NULL', text: '' };
  if (typeof param === 'string') return { kind: 'text', text: param };
  if ('hex' in param) return { kind: 'bytes', text: param.hex };
  if ('file' in param) return { kind: 'file', text: `${bytes(param.size)}, kept beside the journal as ${param.file}` };
  return { kind: 'text', text: JSON.stringify(param) };
}

// oneLine is what an event's row shows: the statement's beginning with its white space folded, or a sentence.
export function oneLine(event: AuditEvent): string {
  switch (event.type) {
    case 'statement':
    case 'statement.result':
      return statementView(event.statement).text.slice(0, 600).replace(/\s+/g, ' ').trim() || (event.command ?? '');
    case 'session.start':
      return `session opened as ${event.account ?? '?'}${event.client_addr ? ` from ${event.client_addr}` : ''}`;
    case 'session.end':
      return `session closed after ${sessionTotals(event)}${event.reason ? `: ${event.reason}` : ''}`;
    case 'session.denied':
      return `connection refused: ${event.reason ?? 'no reason recorded'}`;
    case 'admin':
      return [event.action, event.target].filter(Boolean).join(' ');
    default:
      return event.type;
  }
}

function sessionTotals(event: AuditEvent): string {
  const parts = [plural(event.statements ?? 0, 'statement')];
  if (event.duration_us) parts.push(duration(event.duration_us));
  return parts.join(', ');
}

export type Outcome = { tone: 'ok' | 'error' | 'denied' | 'running' | 'none'; text: string };

// outcome is what became of an event, in a word.
export function outcome(event: AuditEvent): Outcome {
  if (event.verdict === 'deny' || event.type === 'session.denied') return { tone: 'denied', text: 'denied' };
  if (event.error_code || event.error_message) return { tone: 'error', text: event.error_code ?? 'error' };
  if (event.type !== 'statement') return { tone: 'none', text: '' };
  return event.done ? { tone: 'ok', text: 'ok' } : { tone: 'running', text: 'running' };
}

// rowsText and durationText are empty where the number means nothing.
export const rowsText = (event: AuditEvent): string =>
  event.type === 'session.end' || event.done ? count(event.rows ?? 0) : '';

export const durationText = (event: AuditEvent): string =>
  event.type === 'session.end' || event.done ? duration(event.duration_us ?? 0) : '';
