import { useWithdraw } from '../../api/requests';
import type { AccessRequest } from '../../api/types';
import { ConfirmButton } from '../../components/ConfirmButton';
import { wishOf } from './standing';

export function Withdraw({ request }: { request: AccessRequest }) {
  const withdraw = useWithdraw();
  return (
    <ConfirmButton
      label="Withdraw"
      title={`Withdraw the request for ${wishOf(request)}?`}
      pending={withdraw.isPending}
      error={withdraw.error}
      act={(done) => withdraw.mutate(request.id, { onSuccess: done })}
    >
      Nobody is asked about it any more. You may ask again.
    </ConfirmButton>
  );
}
