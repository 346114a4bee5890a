import { Button, Modal } from '@mantine/core';
import { useSignInLink } from '../../api/users';
import { Command } from '../../components/Notice';
import { localTime } from '../../format/time';

// SignInLink makes a link by which the user signs in, once.
export function SignInLink({ user }: { user: string }) {
  const make = useSignInLink();
  const close = () => make.reset();
  return (
    <>
      <Button variant="default" size="compact-xs" loading={make.isPending} onClick={() => make.mutate(user)}>
        Make a sign-in link
      </Button>
      <Modal
        opened={make.isSuccess || make.isError}
        onClose={close}
        title={`A sign-in link for ${user}`}
        centered
        closeOnClickOutside={false}
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        {make.error && (
          <p role="alert" className="bad">
            {make.error.message}
          </p>
        )}
        {make.data && (
          <>
            <p role="status">
              It signs in whoever has it, once, until {localTime(make.data.expires)}. It is shown this once: copy it now.
            </p>
            <Command>{window.location.origin + make.data.path}</Command>
          </>
        )}
        <Button onClick={close} data-autofocus>
          Done
        </Button>
      </Modal>
    </>
  );
}
