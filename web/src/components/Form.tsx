import { Button, Group, Stack, Text } from '@mantine/core';
import { type FormEvent, type ReactNode, useEffect, useRef } from 'react';
import { type Faults, faultsOf } from './faults';

interface Props {
  // fields name the members of what is sent whose faults the form shows where they are.
  fields: readonly string[];
  error: Error | null;
  pending: boolean;
  submit: string;
  onSubmit: () => void;
  disabled?: boolean;
  // cancel leaves the form as it is; without it there is nothing to go back to.
  cancel?: () => void;
  children: (at: Faults['at']) => ReactNode;
}

// Form sends what it holds, and shows what the server finds wrong at the field that it is about.
export function Form({ fields, error, pending, submit, onSubmit, disabled, cancel, children }: Props) {
  const form = useRef<HTMLFormElement>(null);
  const { at, rest } = faultsOf(error, fields);
  useEffect(() => {
    if (error) form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [error]);
  const send = (e: FormEvent) => {
    e.preventDefault();
    onSubmit();
  };
  return (
    <form ref={form} onSubmit={send}>
      <Stack gap="sm">
        {children(at)}
        {rest.length > 0 && (
          <div role="alert">
            {rest.map((wrong, i) => (
              <Text key={i} className="bad">
                {wrong}
              </Text>
            ))}
          </div>
        )}
        <Group justify={cancel ? 'flex-end' : 'flex-start'} mt="xs">
          {cancel && (
            <Button variant="default" onClick={cancel}>
              Cancel
            </Button>
          )}
          <Button type="submit" loading={pending} disabled={disabled}>
            {submit}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
