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
    expect(rest).toBeUndefined();
  });

  it('does not take a field for another that begins alike', () => {
    const { at, rest } = faultsOf(problem('names'), fields);
    expect(at('name')).toBeUndefined();
    expect(rest).toBe('wrong');
  });

  it('shows what belongs to no field at all', () => {
    expect(faultsOf(new Error('no network'), fields).rest).toBe('no network');
    expect(faultsOf(problem('name', 'other'), fields).rest).toBe('wrong');
    expect(faultsOf(null, fields).rest).toBeUndefined();
  });
});

describe('reading a problem', () => {
  it('keeps what is about the body alone', () => {
    const errors = [{ location: 'body.when[0].from', message: 'bad' }, { location: 'query.q', message: 'no' }, null, 7];
    expect(read(errors)).toEqual([{ field: 'when[0].from', message: 'bad' }]);
    expect(read('nonsense')).toEqual([]);
  });
});
