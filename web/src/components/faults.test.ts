import { describe, expect, it } from 'vitest';
import { faultsOf as read, Problem } from '../api/http';
import { faultsOf } from './faults';

const problem = (...fields: string[]) =>
  new Problem(422, 'wrong', { faults: fields.map((field) => ({ field, message: `${field} is wrong` })) });

describe('faultsOf', () => {
  const fields = ['name', 'statements.classes', 'when'];

  it('puts a fault at its field, and at the field that holds it', () => {
    const { at, rest } = faultsOf(problem('statements.classes', 'when[1].from'), fields);
    expect(at('statements.classes')).toBe('statements.classes is wrong');
    expect(at('when')).toBe('when[1].from is wrong');
    expect(at('name')).toBeUndefined();
    expect(rest).toEqual([]);
  });

  it('does not take a field for another that begins alike', () => {
    const { at, rest } = faultsOf(problem('names'), fields);
    expect(at('name')).toBeUndefined();
    expect(rest).toEqual(['names: names is wrong']);
  });

  it('shows what belongs to no field at all', () => {
    expect(faultsOf(new Error('no network'), fields).rest).toEqual(['no network']);
    expect(faultsOf(problem(), fields).rest).toEqual(['wrong']);
    expect(faultsOf(problem('name', 'other', 'query.limit'), fields).rest).toEqual([
      'other: other is wrong',
      'query.limit: query.limit is wrong',
    ]);
    expect(faultsOf(new Problem(422, 'wrong', { faults: [{ field: '', message: 'too long' }] }), fields).rest).toEqual(['too long']);
    expect(faultsOf(null, fields).rest).toEqual([]);
  });
});

describe('reading a problem', () => {
  it('keeps every fault, whatever it is about', () => {
    const errors = [
      { location: 'body.when[0].from', message: 'bad' },
      { location: 'query.q', message: 'no' },
      { location: 'body', message: 'too long' },
      { location: 'bodyguard', message: 'who' },
      { message: 'somewhere' },
      { location: 'body.name' },
      null,
      7,
    ];
    expect(read(errors)).toEqual([
      { field: 'when[0].from', message: 'bad' },
      { field: 'query.q', message: 'no' },
      { field: '', message: 'too long' },
      { field: 'bodyguard', message: 'who' },
      { field: '', message: 'somewhere' },
    ]);
    expect(read('nonsense')).toEqual([]);
  });
});
