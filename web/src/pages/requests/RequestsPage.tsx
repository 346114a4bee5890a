import { Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useSearch } from '@tanstack/react-router';
import { useRights } from '../../api/me';
import { accessRequests, useToDecide } from '../../api/requests';
import type { AccessRequest } from '../../api/types';
import { ListPage } from '../../components/ListPage';
import { Command, Notice } from '../../components/Notice';
import { localTime } from '../../format/time';
import { Ask } from './Ask';
import { DecideButtons } from './Decide';
import classes from './RequestsPage.module.css';
import { scopeOf } from './search';
import { RequestState } from './RequestState';
import { wishOf } from './standing';
import { Withdraw } from './Withdraw';

// RequestsPage is where one asks for access, and where others decide on it.
export function RequestsPage() {
  const search = useSearch({ from: '/app/requests' });
  const scope = scopeOf(search);
  return (
    <ListPage
      title="Requests"
      noun="request"
      query={useQuery(accessRequests(scope))}
      filterText={(r) => [r.user, r.role, r.resource, r.account, r.reason, r.status].join(' ')}
      columns={[...(scope === 'mine' ? [] : ['Who']), 'What', 'Role', 'Why', 'For', 'Asked', 'State', 'Action']}
      row={(request) => <Row key={request.id} request={request} mine={scope === 'mine'} />}
      tools={<Ask />}
      above={<Views />}
      empty={empty[scope]}
    />
  );
}

const empty = {
  mine: (
    <Notice title="You have asked for nothing">
      <p>Some access is given for a time, when somebody approves it. Ask for it here, or in a terminal:</p>
      <Command>sally access request orders-db --for 2h --reason "refunds of ticket 42"</Command>
    </Notice>
  ),
  to_decide: (
    <Notice title="Nothing waits for you">
      <p>Requests that you may approve or deny stand here as soon as they are made.</p>
    </Notice>
  ),
  all: (
    <Notice title="Nobody has asked for anything">
      <p>A role with a rule for requests is given for a time, to those who ask and are approved.</p>
    </Notice>
  ),
};

function Views() {
  const waiting = useToDecide();
  const { read } = useRights();
  const current = useSearch({ from: '/app/requests' }).view;
  const views = [
    { view: undefined, label: 'Mine' },
    { view: 'decide' as const, label: waiting > 0 ? `To decide (${waiting})` : 'To decide' },
    ...(read ? [{ view: 'history' as const, label: 'History' }] : []),
  ];
  return (
    <nav className={classes.views} aria-label="Views">
      {views.map(({ view, label }) => (
        <Link
          key={label}
          to="/requests"
          search={view ? { view } : {}}
          className={classes.view}
          activeProps={{}}
          data-current={view === current || undefined}
          aria-current={view === current ? 'true' : undefined}
        >
          {label}
        </Link>
      ))}
    </nav>
  );
}

function Row({ request, mine }: { request: AccessRequest; mine: boolean }) {
  return (
    <Table.Tr>
      {!mine && <Table.Td fw={500}>{request.user}</Table.Td>}
      <Table.Td>
        <Link to="/requests/$id" params={{ id: request.id }}>
          {wishOf(request)}
        </Link>
      </Table.Td>
      <Table.Td>{request.role}</Table.Td>
      <Table.Td className={classes.reason}>{request.reason}</Table.Td>
      <Table.Td>{request.duration}</Table.Td>
      <Table.Td className="soft" style={{ whiteSpace: 'nowrap' }}>
        {localTime(request.created).slice(0, 16)}
      </Table.Td>
      <Table.Td>
        <RequestState request={request} />
      </Table.Td>
      <Table.Td>
        <div className={classes.actions}>
          {request.may_decide && <DecideButtons request={request} />}
          {mine && request.status === 'pending' && <Withdraw request={request} />}
        </div>
      </Table.Td>
    </Table.Tr>
  );
}
