// lineStart is where a line, counted from 1, begins and ends in the text. A line behind the last is the text's end.
export function lineStart(text: string, line: number): [number, number] {
  const lines = text.split('\n');
  if (line < 1 || line > lines.length) return [text.length, text.length];
  const from = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  return [from, from + (lines[line - 1]?.length ?? 0)];
}
