import { Button, Group, Popover, Stack, TextInput } from '@mantine/core';
import { IconChevronDown, IconClock } from '@tabler/icons-react';
import { type FormEvent, useState } from 'react';
import { fromLocalInput, localInput, PRESETS, rangeLabel } from '../query/range';

// Range are bounds as a page's URL has them.
export interface Range {
  from?: string | undefined;
  to?: string | undefined;
}

// TimeRange chooses a distance back from now, or two times in the reader's own zone.
export function TimeRange({ range, change }: { range: Range; change: (range: Range) => void }) {
  const [opened, setOpened] = useState(false);
  const { from = '', to = '' } = range;
  const choose = (range: Range) => {
    change(range);
    setOpened(false);
  };
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-end" trapFocus returnFocus width={320}>
      <Popover.Target>
        <Button
          variant="default"
          leftSection={<IconClock size={14} />}
          rightSection={<IconChevronDown size={13} />}
          onClick={() => setOpened((o) => !o)}
          aria-label={`Time range: ${rangeLabel(from, to)}`}
        >
          {rangeLabel(from, to)}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="Time range">
        <Group gap={6} mb="sm">
          {PRESETS.map((preset) => (
            <Button
              key={preset.label}
              size="compact-xs"
              variant={preset.from === from && !to ? 'filled' : 'default'}
              onClick={() => choose({ from: preset.from || undefined, to: undefined })}
            >
              {preset.label}
            </Button>
          ))}
        </Group>
        <Absolute key={`${from} ${to}`} from={from} to={to} choose={choose} />
      </Popover.Dropdown>
    </Popover>
  );
}

interface AbsoluteProps {
  from: string;
  to: string;
  choose: (range: Range) => void;
}

function Absolute({ from, to, choose }: AbsoluteProps) {
  const [start, setStart] = useState(() => localInput(from));
  const [end, setEnd] = useState(() => localInput(to));
  const backwards = start !== '' && end !== '' && end <= start;
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (backwards) return;
    choose({ from: fromLocalInput(start) || undefined, to: fromLocalInput(end) || undefined });
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="xs">
        <TextInput type="datetime-local" step={1} label="From" value={start} onChange={(e) => setStart(e.currentTarget.value)} />
        <TextInput
          type="datetime-local"
          step={1}
          label="To (not included)"
          value={end}
          error={backwards && 'To must be later than from'}
          onChange={(e) => setEnd(e.currentTarget.value)}
        />
        <Button type="submit" disabled={!start && !end}>
          Use these times
        </Button>
      </Stack>
    </form>
  );
}
