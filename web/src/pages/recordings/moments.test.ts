import { expect, test } from 'vitest';
import type { AuditEvent } from '../../api/types';
import { momentsOf, position } from './moments';
import { validateRecordingSearch } from './search';

const event = (id: string, time: string, more: Partial<AuditEvent>): AuditEvent =>
  ({ seq: 1, id, time, type: 'statement', ...more });

test('what was done beside a terminal is placed by its time', () => {
  const started = '2026-11-22T10:00:00.000000Z';
  const moments = momentsOf(
    [
      event('before', '2026-11-22T09:59:59.000000Z', { command: 'exec', statement: 'true' }),
      event('own', started, { command: 'shell', statement: 'shell' }),
      event('file', '2026-11-22T10:00:07.500000Z', { command: 'sftp', statement: 'get /etc/hosts' }),
      event('forward', '2026-11-22T10:02:00.000000Z', { command: 'forward', statement: 'db:5432', verdict: 'deny' }),
      event('agent', '2026-11-22T10:03:00.000000Z', { command: 'agent', statement: 'agent' }),
    ],
    { statement: 'own', started },
  );
  expect(moments).toEqual([
    { key: 'file', at: 7.5, text: 'sftp get /etc/hosts', refused: false },
    { key: 'forward', at: 120, text: 'forward db:5432', refused: true },
    { key: 'agent', at: 180, text: 'agent', refused: false },
  ]);
});

test('moments are written as players do', () => {
  expect([0, 7.9, 60, 750, 3723, -1].map(position)).toEqual(['0:00', '0:07', '1:00', '12:30', '1:02:03', '0:00']);
});

test('what the address says is kept as far as it makes sense', () => {
  expect(validateRecordingSearch({ statement: 'a', at: '12.5', q: 'x', other: 1 })).toEqual({ statement: 'a', at: 12.5, q: 'x' });
  expect(validateRecordingSearch({ statement: 1, at: 'soon', q: '' })).toEqual({});
});
