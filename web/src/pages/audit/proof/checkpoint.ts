// Checkpoint is what a signed checkpoint says of its log (audit/proof): the text of a signed note, whose first lines
// are the log's name, the number of its records and the root of its tree.
export interface Checkpoint {
  origin: string;
  size: number;
  root: string;
  // time is when it was signed (RFC 3339); empty when the note does not say.
  time: string;
  // signers are the names of the keys that signed it.
  signers: string[];
}

// readCheckpoint reads a signed note; undefined when it is no checkpoint. It does not verify: that is for a program
// that the reader trusts more than this page.
export function readCheckpoint(note: string): Checkpoint | undefined {
  const [text, signatures] = note.split(/\n\n(?=— )/);
  const [origin, size, root, ...more] = (text ?? '').split('\n');
  if (!origin || !size || !/^\d{1,15}$/.test(size) || !root) return undefined;
  const time = more.find((line) => line.startsWith('time '))?.slice('time '.length) ?? '';
  const signers = [...(signatures ?? '').matchAll(/^— (\S+) \S+$/gm)].map((match) => match[1] ?? '');
  return { origin, size: Number(size), root, time: Number.isNaN(Date.parse(time)) ? '' : time, signers };
}

// checkCommand is the command that checks a proof's file without this server. Quotes keep a shell from reading the key.
export const checkCommand = (file: string, key: string): string => `sally audit check ${file} --key '${key.replaceAll("'", "'\\''")}'`;
