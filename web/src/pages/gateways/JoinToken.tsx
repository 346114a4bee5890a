import { Button, Modal } from '@mantine/core';
import { useState } from 'react';
import { useJoinToken } from '../../api/gateways';
import { ConfirmButton } from '../../components/ConfirmButton';
import { Command } from '../../components/Notice';
import { localTime } from '../../format/time';

// JoinToken makes the token by which a gateway enrols, and shows it this once.
export function JoinToken({ gateway }: { gateway: string }) {
  const make = useJoinToken();
  const [shown, setShown] = useState(false);
  const close = () => {
    setShown(false);
    make.reset();
  };
  return (
    <>
      <ConfirmButton
        label="Join token"
        title={`Make a join token for ${gateway}?`}
        pending={make.isPending}
        error={make.error}
        act={(done) =>
          make.mutate(gateway, {
            onSuccess: () => {
              done();
              setShown(true);
            },
          })
        }
      >
        It enrols the gateway once, within 24 hours. When it is used, certificates that the gateway had before stop to count.
      </ConfirmButton>
      <Modal
        opened={shown && make.data !== undefined}
        onClose={close}
        title={`A join token for ${gateway}`}
        centered
        closeOnClickOutside={false}
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        {make.data && (
          <>
            <p role="status">It works until {localTime(make.data.expires)}. It is shown this once: copy it now.</p>
            <Command>{make.data.token}</Command>
          </>
        )}
        <Button onClick={close} data-autofocus>
          I have it
        </Button>
      </Modal>
    </>
  );
}
