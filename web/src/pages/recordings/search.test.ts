import { describe, expect, it } from 'vitest';
import { validateRecordingSearch, validateRecordingsSearch } from './search';

describe('the address of a recording', () => {
  it('has the moment at which the player begins', () => {
    expect(validateRecordingSearch({ statement: 's', at: '12.5', q: 'root' })).toEqual({ statement: 's', at: 12.5, q: 'root' });
    for (const at of ['-1', 'soon', 'Infinity']) expect(validateRecordingSearch({ at })).toEqual({});
  });
});

describe('the address of the list of recordings', () => {
  it('has what is chosen, and leaves out what says nothing', () => {
    const chosen = { user: 'alice', resource: 'web-1', account: 'root', q: 'denied', from: '-7d', to: '2026-11-23T10:00:00Z', command: 'exec', state: 'over' };
    expect(validateRecordingsSearch(chosen)).toEqual(chosen);
    expect(validateRecordingsSearch({ state: 'interrupted' })).toEqual({ state: 'interrupted' });
    expect(validateRecordingsSearch({ user: ' alice ', q: ' ', account: '' })).toEqual({ user: 'alice' });
  });

  it('leaves out what nobody can choose', () => {
    expect(validateRecordingsSearch({ command: 'sftp', state: 'gone', from: 'yesterday', to: '-1x', user: ['a'], session: 'x' })).toEqual({});
  });
});
