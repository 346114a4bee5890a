import { Button, Group, Modal, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import type { ReactNode } from 'react';

interface Props {
  label: string;
  // title asks the question that names its object: "Suspend alice@acme.com?".
  title: string;
  children: ReactNode;
  danger?: boolean;
  pending: boolean;
  error: Error | null;
  // act does it; done is to be called when it has succeeded.
  act: (done: () => void) => void;
}

// ConfirmButton does what is hard to take back only after a second click, and stays open with the reason if it fails.
export function ConfirmButton({ label, title, children, danger, pending, error, act }: Props) {
  const [opened, { open, close }] = useDisclosure(false);
  return (
    <>
      <Button size="compact-xs" variant="default" onClick={open} aria-label={title.replace(/\?$/, '')}>
        {label}
      </Button>
      <Modal opened={opened} onClose={close} title={title} centered closeButtonProps={{ 'aria-label': 'Close' }}>
        <Text size="sm" component="div">
          {children}
        </Text>
        {error && (
          <Text role="alert" className="bad" mt="sm">
            {error.message}
          </Text>
        )}
        <Group justify="flex-end" mt="lg">
          <Button variant="default" onClick={close}>
            Cancel
          </Button>
          <Button color={danger ? 'red.9' : undefined} loading={pending} onClick={() => act(close)} data-autofocus>
            {label}
          </Button>
        </Group>
      </Modal>
    </>
  );
}
