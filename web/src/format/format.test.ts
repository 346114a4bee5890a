import { describe, expect, it } from 'vitest';
import type { AuditEvent } from '../api/types';
import { bytes, plural } from './amount';
import { oneLine, outcome, paramView, rowsText, statementView } from './event';
import { age, duration, shortTime, durationFault, left } from './time';

const event = (more: Partial<AuditEvent>): AuditEvent => ({
  seq: 0,
  id: 'x',
  time: '2026-01-02T03:04:05.000006Z',
  type: 'statement',
  ...more,
});

it.each([
  [0, '0 µs'],
  [999, '999 µs'],
  [1_000, '1 ms'],
  [1_237, '1.24 ms'],
  [999_499, '999 ms'],
  [999_600, '1 s'],
  [59_949_999, '59.9 s'],
  [60_000_000, '1 min 0 s'],
  [3_720_000_000, '1 h 2 min'],
])('duration(%i) is %s', (us, want) => expect(duration(us)).toBe(want));

it.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1 KiB'],
  [1536, '1.5 KiB'],
  [1024 * 1024 - 1, '1 MiB'],
  [3 * 1024 ** 3, '3 GiB'],
])('bytes(%i) is %s', (n, want) => expect(bytes(n)).toBe(want));

it('counts nouns', () => {
  expect(plural(1, 'row')).toBe('1 row');
  expect(plural(1204, 'row')).toBe('1,204 rows');
});

it.each([
  ['2026-03-01T11:59:56Z', '4 s'],
  ['2026-03-01T11:57:00Z', '3 min'],
  ['2026-03-01T09:55:00Z', '2 h 5 min'],
  ['2026-02-23T12:00:00Z', '6 d'],
  ['2026-03-01T13:00:00Z', '0 s'],
])('age of %s is %s', (iso, want) => expect(age(iso, Date.parse('2026-03-01T12:00:00Z'))).toBe(want));

it('shows the year of another year only', () => {
  const now = new Date('2026-06-01T00:00:00Z');
  expect(shortTime('2026-05-02T12:00:00.123456Z', now)).toMatch(/^May 02 \d\d:00:00\.123$/);
  expect(shortTime('2024-05-02T12:00:00Z', now)).toMatch(/^2024 May 02/);
});

describe('statementView', () => {
  it('passes text through', () => expect(statementView('select 1')).toEqual({ text: 'select 1', note: '' }));
  it('decodes what is no text, and says so', () => {
    const view = statementView({ base64: btoa('a\xffb') });
    expect(view.text).toBe('a�b');
    expect(view.note).toContain('Not valid UTF-8');
  });
  it('says that a head is not all', () => {
    const view = statementView({ file: 'abc', size: 2048, head: 'insert' });
    expect(view.text).toBe('insert');
    expect(view.note).toContain('2 KiB');
  });
});

it.each([
  [null, { kind: 'NULL', text: '' }],
  ['', { kind: 'text', text: '' }],
  [{ hex: '00ff' }, { kind: 'bytes', text: '00ff' }],
] as const)('paramView(%j)', (param, want) => expect(paramView(param)).toEqual(want));

describe('oneLine', () => {
  it('folds white space', () => expect(oneLine(event({ statement: 'select\n  1 ' }))).toBe('select 1'));
  it('names a statement without text by its command', () => {
    expect(oneLine(event({ command: 'function call' }))).toBe('function call');
  });
  it('tells a session', () => {
    expect(oneLine(event({ type: 'session.end', statements: 2, duration_us: 1_500_000 }))).toBe(
      'session closed after 2 statements, 1.5 s',
    );
  });
});

describe('outcome', () => {
  it.each([
    [{ verdict: 'deny' }, 'denied'],
    [{ done: true, error_code: '42P01' }, '42P01'],
    [{ done: true }, 'ok'],
    [{}, 'running'],
    [{ type: 'session.start' }, ''],
  ] as const)('%j', (more, want) => expect(outcome(event(more)).text).toBe(want));
});

it('no rows are told before the result is known', () => {
  expect(rowsText(event({}))).toBe('');
  expect(rowsText(event({ done: true }))).toBe('0');
});

describe('times to come', () => {
  it('are counted down, and past at their end', () => {
    const now = Date.parse('2026-01-01T00:00:00Z');
    expect(left('2026-01-01T01:05:00Z', now)).toBe('1 h 5 min');
    expect(left('2026-01-01T00:00:00Z', now)).toBe('');
  });

  it('are written as the API takes them', () => {
    for (const text of ['', ' ', '8h', '1h30m', '1.5h', '90m ']) expect(durationFault(text), text).toBeUndefined();
    for (const text of ['soon', '8', '8 h', '1d', '-1h']) expect(durationFault(text), text).toMatch(/such as/);
  });
});
