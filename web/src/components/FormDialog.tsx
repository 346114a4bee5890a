import { Button, Modal } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import type { ReactNode } from 'react';

interface Props {
  label: string;
  // title says what is done to what: "Edit alice@acme.com".
  title: string;
  // minor buttons stand in a row of a table.
  minor?: boolean;
  size?: string;
  // keep leaves the dialog open when one clicks beside it: what it shows is not shown again.
  keep?: boolean;
  children: (close: () => void) => ReactNode;
}

// FormDialog is a button that opens a form, which begins anew each time.
export function FormDialog({ label, title, minor, size, keep, children }: Props) {
  const [opened, { open, close }] = useDisclosure(false);
  return (
    <>
      <Button onClick={open} {...(minor && { size: 'compact-xs', variant: 'default', 'aria-label': title })}>
        {label}
      </Button>
      <Modal
        opened={opened}
        onClose={close}
        title={title}
        centered
        size={size}
        closeOnClickOutside={!keep}
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        {children(close)}
      </Modal>
    </>
  );
}
