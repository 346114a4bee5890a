import { Button, Group, Stack, Text, TextInput } from '@mantine/core';
import type { Node } from '../../api/types';

interface Props {
  rows: Node[];
  error: string | undefined;
  change: (rows: Node[]) => void;
}

// Nodes edits the servers of a cluster, a row each.
export function Nodes({ rows, error, change }: Props) {
  const edit = (i: number, part: Partial<Node>) => change(rows.map((row, n) => (n === i ? { ...row, ...part } : row)));
  return (
    <Stack gap={6} role="group" aria-label="Nodes">
      {rows.length > 0 && (
        <Text size="xs" className="soft">
          Every node of the cluster, by host and port as the cluster itself announces it
        </Text>
      )}
      {rows.map((row, i) => (
        <Group key={i} gap={6} align="flex-end" wrap="nowrap">
          <TextInput
            label={`Node ${i + 1}`} required style={{ flex: 1 }} value={row.name} error={Boolean(error)}
            onChange={(e) => edit(i, { name: e.currentTarget.value })}
          />
          <TextInput
            label={`Address of node ${i + 1}`} required placeholder="host:port" style={{ flex: 2 }} value={row.address} error={Boolean(error)}
            onChange={(e) => edit(i, { address: e.currentTarget.value })}
          />
          <Button variant="default" size="xs" aria-label={`Remove node ${i + 1}`} onClick={() => change(rows.filter((_, n) => n !== i))}>
            Remove
          </Button>
        </Group>
      ))}
      <Group>
        <Button variant="default" size="compact-xs" onClick={() => change([...rows, { name: '', address: '' }])}>
          Add a node of a cluster
        </Button>
      </Group>
      {error && (
        <div role="alert" className="bad">
          {error}
        </div>
      )}
    </Stack>
  );
}
