import type { AccessRequest } from '../../api/types';
import { Countdown } from '../../components/Countdown';
import { approvalsLeft, wordOf } from './standing';

// RequestState is where a request stands, and for how long yet.
export function RequestState({ request }: { request: AccessRequest }) {
  const [word, tone] = wordOf(request);
  const left = approvalsLeft(request);
  return (
    <span style={{ whiteSpace: 'nowrap' }}>
      <span className={tone}>{word}</span>
      {request.status === 'approved' && request.active && request.until && (
        <span className="soft">
          , <Countdown until={request.until} past="over" />
        </span>
      )}
      {request.status === 'pending' && <span className="soft"> for {left} more to approve</span>}
    </span>
  );
}
