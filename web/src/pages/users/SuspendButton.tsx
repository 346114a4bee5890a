import { Button, Group, Modal } from '@mantine/core';
import { useState } from 'react';
import { useMayChange } from '../../api/me';
import type { Receipt, User } from '../../api/types';
import { useReinstateUser, useRevokeUser, useSuspendUser } from '../../api/users';
import { ConfirmButton } from '../../components/ConfirmButton';
import { Download, ReceiptView } from '../receipts/ReceiptView';

// PutOut shows the receipt of what was cut, until it is closed.
function PutOut({ title, receipt, close }: { title: string; receipt?: Receipt; close: () => void }) {
  return (
    <Modal opened={receipt !== undefined} onClose={close} title={title} size="lg" centered closeButtonProps={{ 'aria-label': 'Close' }}>
      {receipt && (
        <>
          <ReceiptView receipt={receipt} />
          <Group justify="flex-end" mt="md">
            <Download id={receipt.id} />
            <Button onClick={close} data-autofocus>
              Done
            </Button>
          </Group>
        </>
      )}
    </Modal>
  );
}

// RevokeButton ends all that proves a user, as when their laptop was lost, and shows the receipt of it.
export function RevokeButton({ user }: { user: User }) {
  const revoke = useRevokeUser();
  const [receipt, setReceipt] = useState<Receipt>();
  if (!useMayChange()) return null;
  return (
    <>
      <ConfirmButton
        label="Sign out everywhere"
        title={`Sign out everywhere: ${user.name}?`}
        danger
        pending={revoke.isPending}
        error={revoke.error}
        act={(done) =>
          revoke.mutate(user.name, {
            onSuccess: ({ receipt }) => {
              done();
              setReceipt(receipt);
            },
          })
        }
      >
        For a laptop that was lost. Certificates that were issued until now, browsers and terminals that are signed in, SSH
        keys and access tokens are refused for good on every gateway, and the sessions that they opened are cut. They are
        not suspended: they sign in anew. Passkeys stay.
      </ConfirmButton>
      <PutOut title={`${user.name} is signed out`} receipt={receipt} close={() => setReceipt(undefined)} />
    </>
  );
}

// SuspendButton takes a user's access away, and shows the receipt of it; or gives it back.
export function SuspendButton({ user }: { user: User }) {
  const suspend = useSuspendUser();
  const reinstate = useReinstateUser();
  const [receipt, setReceipt] = useState<Receipt>();
  if (!useMayChange()) return null;
  return (
    <>
      {/* With keys, so that the question that is open never becomes the other one when the user is read again. */}
      {user.suspended ? (
        <ConfirmButton
          key="reinstate"
          label="Reinstate"
          title={`Reinstate ${user.name}?`}
          pending={reinstate.isPending}
          error={reinstate.error}
          act={(done) => reinstate.mutate(user.name, { onSuccess: done })}
        >
          They can open resources again, as their roles say. Sessions that were cut stay cut; they sign in anew.
        </ConfirmButton>
      ) : (
        <ConfirmButton
          key="suspend"
          label="Suspend"
          title={`Suspend ${user.name}?`}
          danger
          pending={suspend.isPending}
          error={suspend.error}
          act={(done) =>
            suspend.mutate(user.name, {
              onSuccess: ({ receipt }) => {
                done();
                setReceipt(receipt);
              },
            })
          }
        >
          Their open sessions are cut at once on every gateway, their cookies, certificates and tokens are refused, and no
          new session is let through until they are reinstated. A signed receipt says what was cut.
        </ConfirmButton>
      )}
      <PutOut title={`${user.name} is suspended`} receipt={receipt} close={() => setReceipt(undefined)} />
    </>
  );
}
