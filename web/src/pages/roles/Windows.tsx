import { Button, Group, MultiSelect, Stack, TextInput } from '@mantine/core';
import { NEW_WINDOW, type WindowDraft } from './draft';

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

interface Props {
  windows: WindowDraft[];
  error: string | undefined;
  change: (windows: WindowDraft[]) => void;
}

// Windows are the parts of the week in which a role gives access; without any, it always does.
export function Windows({ windows, error, change }: Props) {
  const edit = (i: number, part: Partial<WindowDraft>) => change(windows.map((w, n) => (n === i ? { ...w, ...part } : w)));
  return (
    <Stack gap="xs" role="group" aria-label="Times">
      {windows.map((w, i) => (
        <Group key={i} gap="xs" align="flex-end" role="group" aria-label={`Window ${i + 1}`}>
          <MultiSelect
            label="Days" size="xs" w={280} placeholder={w.days.length === 0 ? 'every day' : undefined} data={DAYS} value={w.days}
            onChange={(days) => edit(i, { days })}
          />
          <TextInput label="From" w={76} required pattern="[0-2][0-9]:[0-5][0-9]" title="HH:MM" value={w.from} error={Boolean(error)} onChange={(e) => edit(i, { from: e.currentTarget.value })} />
          <TextInput label="To" w={76} required pattern="[0-2][0-9]:[0-5][0-9]" title="HH:MM; 24:00 is the end of the day" value={w.to} onChange={(e) => edit(i, { to: e.currentTarget.value })} />
          <TextInput label="Time zone" w={160} placeholder="UTC" value={w.zone} onChange={(e) => edit(i, { zone: e.currentTarget.value.trim() })} />
          <Button variant="default" aria-label={`Remove window ${i + 1}`} onClick={() => change(windows.filter((_, n) => n !== i))}>
            Remove
          </Button>
        </Group>
      ))}
      <Group gap="sm">
        <Button variant="default" size="compact-xs" onClick={() => change([...windows, NEW_WINDOW])}>
          Add a window
        </Button>
        {windows.length === 0 && <span className="soft">It gives access at all times.</span>}
      </Group>
      {error && (
        <div role="alert" className="bad">
          {error}
        </div>
      )}
    </Stack>
  );
}
