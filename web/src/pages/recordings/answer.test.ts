import { describe, expect, it } from 'vitest';
import type { Recording, RecordingsFound } from '../../api/types';
import { listed, searched } from './answer';

const recording = (statement: string): Recording => ({
  statement, session: 's', user: 'alice', resource: 'web-1', gateway: 'control', command: 'shell', started: '2026-11-23T10:00:00Z',
  seconds: 60, bytes: 1024, growing: false, here: true, interrupted: false,
});
const page = (statements: string[], rest: Partial<RecordingsFound>): RecordingsFound => ({
  items: statements.map((statement) => ({ recording: recording(statement), hits: [{ seconds: 7, line: 'root' }], more: false })),
  searched: 1, absent: 0, partial: false, next: '', ...rest,
});

describe('a list of recordings', () => {
  it('says whether there are more', () => {
    expect(listed([{ items: [recording('a')] }], false).told).toBe('1 recording, newest first');
    const more = listed([{ items: [recording('a')] }, { items: [recording('b'), recording('c')] }], true);
    expect(more.told).toBe('3 recordings so far, newest first');
    expect(more.items.map((item) => item.recording.statement)).toEqual(['a', 'b', 'c']);
  });
});

describe('a search of recordings', () => {
  it('adds up what each request looked into', () => {
    const all = searched([page(['a'], { searched: 1_000, partial: true, next: 'x' }), page(['b'], { searched: 204 })]);
    expect(all.told).toBe('Shown in 2 recordings, of 1,204 searched');
    expect(all.missing).toEqual([]);
  });

  it('says what it has not seen', () => {
    expect(searched([page([], { partial: true, next: 'x' })]).missing).toEqual(['Stopped early after 1 recording: older ones were not searched yet.']);
    expect(searched([page(['a'], { absent: 2 })]).missing).toEqual(['2 recordings could not be searched: not here yet, or not readable.']);
  });
});
