import { Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { grantsOf } from '../../api/grants';
import { receiptsOf } from '../../api/receipts';
import { liveSessions } from '../../api/sessions';
import { tokens } from '../../api/tokens';
import type { Openness, User } from '../../api/types';
import { effectiveAccess } from '../../api/users';
import { Countdown } from '../../components/Countdown';
import { age, localTime } from '../../format/time';
import { Section } from '../account/Section';
import { RevokeButton } from '../grants/RevokeButton';
import { opens } from '../tokens/scope';

// Access is what the user may open now, by which role or grant, and what stands in the way of the rest.
export function Access({ user }: { user: User }) {
  return (
    <Section
      title="What they may open"
      query={useQuery(effectiveAccess(user.name))}
      columns={['Resource', 'Account', 'Open', 'By', 'Why', 'Details']}
      empty={user.suspended ? 'Nothing: they are suspended.' : 'Nothing: no role or grant of theirs covers a resource.'}
      row={(open) => <Open key={`${open.resource} ${open.account}`} user={user.name} open={open} />}
    />
  );
}

function Open({ user, open }: { user: string; open: Openness }) {
  return (
    <Table.Tr>
      <Table.Td fw={500}>{open.resource}</Table.Td>
      <Table.Td className="mono">{open.account}</Table.Td>
      <Table.Td className={open.allowed ? 'good' : 'warn'}>{open.allowed ? 'yes' : 'not now'}</Table.Td>
      <Table.Td>
        {open.role ? (
          <Link to="/roles/$name" params={{ name: open.role }}>
            {open.by ?? open.role}
          </Link>
        ) : (
          (open.by ?? '–')
        )}
      </Table.Td>
      <Table.Td className="soft">
        {open.sentence}
        {open.until && `, until ${localTime(open.until)}`}
      </Table.Td>
      <Table.Td>
        <Link
          to="/explain"
          search={{ user, resource: open.resource, account: open.account }}
          aria-label={`Explain ${open.resource} as ${open.account}`}
        >
          Explain
        </Link>
      </Table.Td>
    </Table.Tr>
  );
}

export function Sessions({ user }: { user: string }) {
  const query = useQuery({ ...liveSessions, select: ({ items }) => ({ items: items.filter((session) => session.user === user) }) });
  return (
    <Section
      title="Open sessions"
      query={query}
      columns={['Resource', 'Account', 'Gateway', 'From', 'Open for']}
      empty="None."
      row={(session) => (
        <Table.Tr key={session.id}>
          <Table.Td>{session.resource}</Table.Td>
          <Table.Td className="mono">{session.account}</Table.Td>
          <Table.Td>{session.gateway}</Table.Td>
          <Table.Td className="mono">{session.client_addr}</Table.Td>
          <Table.Td>{age(session.started)}</Table.Td>
        </Table.Tr>
      )}
    />
  );
}

export function Grants({ user }: { user: string }) {
  return (
    <Section
      title="Grants"
      query={useQuery(grantsOf(user))}
      columns={['Role', 'At', 'By', 'Until', 'Action']}
      empty="None."
      row={(grant) => (
        <Table.Tr key={grant.id}>
          <Table.Td fw={500}>{grant.role}</Table.Td>
          <Table.Td>{[grant.resource ?? 'all that it covers', grant.account && `as ${grant.account}`].filter(Boolean).join(' ')}</Table.Td>
          <Table.Td>{grant.by?.join(', ') || '–'}</Table.Td>
          <Table.Td>
            <Countdown until={grant.until} past="over" />
          </Table.Td>
          <Table.Td>
            <RevokeButton grant={grant} />
          </Table.Td>
        </Table.Tr>
      )}
    />
  );
}

export function Tokens({ user }: { user: string }) {
  const query = useQuery({ ...tokens, select: ({ items }) => ({ items: items.filter((token) => token.user === user) }) });
  return (
    <Section
      title="Access tokens"
      query={query}
      columns={['ID', 'For', 'Opens', 'Last used', 'Until']}
      empty="None."
      tools={<Link to="/tokens" search={{ user }}>Tokens</Link>}
      row={(token) => (
        <Table.Tr key={token.id}>
          <Table.Td className="mono">{token.id}</Table.Td>
          <Table.Td>{token.label || '–'}</Table.Td>
          <Table.Td>{opens(token.scope)}</Table.Td>
          <Table.Td className="soft">{token.last_used ? localTime(token.last_used) : 'never'}</Table.Td>
          <Table.Td className="soft">{token.expires ? localTime(token.expires) : 'for ever'}</Table.Td>
        </Table.Tr>
      )}
    />
  );
}

export function Receipts({ user }: { user: string }) {
  return (
    <Section
      title="Receipts"
      query={useQuery(receiptsOf(user))}
      columns={['Receipt', 'Issued']}
      empty="None: they were never put out."
      row={(receipt) => (
        <Table.Tr key={receipt.id}>
          <Table.Td className="mono">
            <Link to="/receipts/$id" params={{ id: receipt.id }}>
              {receipt.id}
            </Link>
          </Table.Td>
          <Table.Td className="soft">{localTime(receipt.created)}</Table.Td>
        </Table.Tr>
      )}
    />
  );
}
