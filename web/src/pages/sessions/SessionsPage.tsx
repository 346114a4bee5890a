import { Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { liveSessions } from '../../api/sessions';
import type { LiveSession } from '../../api/types';
import { ListPage } from '../../components/ListPage';
import { Command, Notice } from '../../components/Notice';
import { count } from '../../format/amount';
import { age, localTime } from '../../format/time';
import { KillButton } from './KillButton';

export function SessionsPage() {
  return (
    <ListPage
      title="Sessions"
      noun="open session"
      query={useQuery(liveSessions)}
      filterText={(session) => Object.values(session).join(' ')}
      columns={['User', 'Resource', 'Account', 'Database', 'From', 'Entrance', 'Open for', 'Statements', 'Record', 'Action']}
      row={(session) => <Row key={session.id} session={session} />}
      empty={
        <Notice title="Nobody is connected">
          <p>A session is one connection that is open now. It shows here while somebody works, for example with:</p>
          <Command>sally login https://sally.acme.com</Command>
          <Command>sally db connect orders</Command>
        </Notice>
      }
    />
  );
}

function Row({ session }: { session: LiveSession }) {
  return (
    <Table.Tr>
      <Table.Td fw={500}>{session.user}</Table.Td>
      <Table.Td>{session.resource}</Table.Td>
      <Table.Td className="mono">{session.account}</Table.Td>
      <Table.Td className="mono">{session.database || '–'}</Table.Td>
      <Table.Td className="mono">{session.client_addr}</Table.Td>
      <Table.Td>{session.entrance}</Table.Td>
      <Table.Td title={localTime(session.started)} style={{ whiteSpace: 'nowrap' }}>
        {age(session.started)}
      </Table.Td>
      <Table.Td ta="right">{count(session.statements)}</Table.Td>
      <Table.Td>
        <Link to="/audit" search={{ q: `session:${session.id}` }} aria-label={`Statements of ${session.user} in session ${session.id}`}>
          Statements
        </Link>
        {session.protocol === 'ssh' && (
          <>
            {' '}
            <Link to="/recordings/$session" params={{ session: session.id }} aria-label={`Watch the terminal of ${session.user} in session ${session.id}`}>
              Watch
            </Link>
          </>
        )}
      </Table.Td>
      <Table.Td>
        <KillButton session={session} />
      </Table.Td>
    </Table.Tr>
  );
}
