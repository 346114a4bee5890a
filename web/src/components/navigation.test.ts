import { describe, expect, it } from 'vitest';
import { rightsOf } from '../api/me';
import { homeOf, visibleGroups } from './navigation';

const labels = (person: Parameters<typeof rightsOf>[0]) =>
  visibleGroups(rightsOf(person)).flatMap((group) => group.pages.map((page) => page.label));

describe('navigation', () => {
  it('shows everybody their requests, and nothing that they may not see', () => {
    expect(labels({})).toEqual(['Requests']);
    expect(labels(undefined)).toEqual(['Requests']);
    expect(homeOf(rightsOf({}))).toBe('/requests');
  });

  it('shows auditors and admins all pages', () => {
    expect(labels({ auditor: true })).toEqual(expect.arrayContaining(['Recordings', 'Receipts']));
    expect(labels({ admin: true })).toEqual(labels({ auditor: true }));
    expect(homeOf(rightsOf({ auditor: true }))).toBe('/audit');
  });
});
