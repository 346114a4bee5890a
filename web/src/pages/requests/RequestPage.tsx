import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { me } from '../../api/me';
import { accessRequest } from '../../api/requests';
import type { AccessRequest } from '../../api/types';
import { Loaded, ObjectPage } from '../../components/ObjectPage';
import { Decide } from './Decide';
import { Given } from './Given';
import { RequestState } from './RequestState';
import { standing, wishOf } from './standing';
import { Withdraw } from './Withdraw';

// RequestPage is where the link of a notice leads. Opening it does nothing: an approver, signed in as themselves, decides.
export function RequestPage() {
  const { id } = useParams({ from: '/app/requests/$id' });
  return (
    <Loaded query={useQuery(accessRequest(id))} what="This request">
      {(request) => <Shown request={request} />}
    </Loaded>
  );
}

function Shown({ request }: { request: AccessRequest }) {
  const mine = useQuery(me).data?.user === request.user;
  return (
    <ObjectPage
      title={`${request.user} asks for ${wishOf(request)}`}
      up={<Link to="/requests" search={request.may_decide ? { view: 'decide' } : {}}>Requests</Link>}
      tools={mine && request.status === 'pending' && <Withdraw request={request} />}
    >
      <p>
        <RequestState request={request} />
      </p>
      <Given request={request} />
      {request.may_decide ? <Decide request={request} /> : <p role="status">{standing(request)}</p>}
    </ObjectPage>
  );
}
