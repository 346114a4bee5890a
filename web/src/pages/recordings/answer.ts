import type { Recording, RecordingsFound } from '../../api/types';
import { count, plural } from '../../format/amount';

// Answer is what a list or a search has come to so far.
export interface Answer {
  items: RecordingsFound['items'];
  // told is that in words.
  told: string;
  // missing are sentences on what is left out: some cannot be searched, or were not yet.
  missing: string[];
}

// listed is the answer of a list.
export function listed(pages: { items: Recording[] }[], more: boolean): Answer {
  const items = pages.flatMap((page) => page.items.map((recording) => ({ recording, hits: [], more: false })));
  return { items, told: `${plural(items.length, 'recording')}${more ? ' so far' : ''}, newest first`, missing: [] };
}

// searched is the answer of a search of what was shown, which may have stopped before it was through.
export function searched(pages: RecordingsFound[]): Answer {
  const items = pages.flatMap((page) => page.items);
  const looked = pages.reduce((sum, page) => sum + page.searched, 0);
  const absent = pages.reduce((sum, page) => sum + page.absent, 0);
  const missing: string[] = [];
  if (pages.at(-1)?.partial) missing.push(`Stopped early after ${plural(looked, 'recording')}: older ones were not searched yet.`);
  if (absent > 0) missing.push(`${plural(absent, 'recording')} could not be searched: not here yet, or not readable.`);
  return { items, told: `Shown in ${plural(items.length, 'recording')}, of ${count(looked)} searched`, missing };
}
