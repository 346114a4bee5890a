import type { UseMutationResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { ConfirmButton } from './ConfirmButton';

interface Props {
  // what is the object with its noun: "the role writers".
  what: string;
  name: string;
  remove: UseMutationResult<void, Error, string>;
  // then is done when it is gone.
  then?: () => void;
  children: ReactNode;
}

// RemoveButton removes an object for good.
export function RemoveButton({ what, name, remove, then, children }: Props) {
  return (
    <ConfirmButton
      label="Remove"
      title={`Remove ${what}?`}
      danger
      pending={remove.isPending}
      error={remove.error}
      act={(done) =>
        remove.mutate(name, {
          onSuccess: () => {
            done();
            then?.();
          },
        })
      }
    >
      {children}
    </ConfirmButton>
  );
}
