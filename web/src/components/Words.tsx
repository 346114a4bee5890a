import { Badge, Group } from '@mantine/core';

// Words shows a list of names; a dash when there is none.
export function Words({ words }: { words: string[] | null | undefined }) {
  if (!words?.length) return <span className="soft">–</span>;
  return (
    <Group gap={4}>
      {words.map((word) => (
        <Badge key={word} variant="default" fw={400} ff="monospace">
          {word}
        </Badge>
      ))}
    </Group>
  );
}

export const pairs = (labels: Record<string, string> | null | undefined): string[] =>
  Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`);
