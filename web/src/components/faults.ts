import { Problem } from '../api/http';

export interface Faults {
  // at is what is wrong with the form's field, in the server's words.
  at: (field: string) => string | undefined;
  // rest is what is wrong, and at none of the form's fields, each with its name.
  rest: string[];
}

// faultsOf tells which of a form's fields an error is about. A field answers for what is inside it: when for when[0].from.
export function faultsOf(error: Error | null, fields: readonly string[]): Faults {
  const faults = error instanceof Problem ? error.faults : [];
  const owner = (fault: string) =>
    fields.find((field) => fault === field || fault.startsWith(`${field}.`) || fault.startsWith(`${field}[`));
  const found = new Map<string, string>();
  const rest: string[] = [];
  for (const { field, message } of faults) {
    const own = owner(field);
    if (own === undefined) rest.push(field ? `${field}: ${message}` : message);
    else if (!found.has(own)) found.set(own, message);
  }
  if (error && faults.length === 0) rest.push(error.message);
  return { at: (field) => found.get(field), rest };
}
