import { Button, Group, Skeleton, Stack, Table, Textarea, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { accessRequest, useDecide } from '../../api/requests';
import type { AccessRequest } from '../../api/types';
import { Failure } from '../../components/Notice';

// RequestPage is where the link of a notice leads. Opening it does nothing: an approver, signed in as themselves, decides.
export function RequestPage() {
  const { id } = useParams({ strict: false });
  const query = useQuery(accessRequest(id ?? ''));
  if (query.isPending) return <Skeleton height={240} role="status" aria-label="Loading" />;
  if (query.isError) {
    return <Failure what="This request cannot be shown" error={query.error} retry={() => void query.refetch()} />;
  }
  return <Shown request={query.data} />;
}

function Shown({ request }: { request: AccessRequest }) {
  return (
    <Stack p="md" maw={720}>
      <Title order={1} size="h3">
        {request.user} asks for {request.resource ?? `the role ${request.role}`}
      </Title>
      <Facts request={request} />
      {request.may_decide ? <Decide request={request} /> : <p role="status">{standing(request)}</p>}
    </Stack>
  );
}

function Facts({ request }: { request: AccessRequest }) {
  const facts: [string, string][] = [
    ['Reason', request.reason],
    ['Role', request.role],
    ['Resource', request.resource ?? 'all that the role covers'],
    ['Account', request.account ?? 'all that the role gives there'],
    ['For', request.duration],
    ['Asked', new Date(request.created).toLocaleString()],
    ...(request.opinions ?? []).map((o): [string, string] => [
      o.approve ? 'Approved' : 'Denied',
      o.comment ? `${o.by}: ${o.comment}` : o.by,
    ]),
  ];
  return (
    <Table aria-label="The request">
      <Table.Tbody>
        {facts.map(([name, value], i) => (
          <Table.Tr key={i}>
            <Table.Th scope="row">{name}</Table.Th>
            <Table.Td>{value}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function Decide({ request }: { request: AccessRequest }) {
  const decide = useDecide(request.id);
  const [comment, setComment] = useState('');
  const say = (verb: 'approve' | 'deny') =>
    decide.mutate({ verb, comment: comment || undefined, token: location.hash.slice(1) || undefined });
  return (
    <Stack>
      <Textarea
        label="Comment"
        description="Who asked reads it; it is in the record"
        maxLength={1000}
        value={comment}
        onChange={(event) => setComment(event.currentTarget.value)}
      />
      <Group>
        <Button onClick={() => say('approve')} loading={decide.isPending}>
          Approve
        </Button>
        <Button variant="default" onClick={() => say('deny')} disabled={decide.isPending}>
          Deny
        </Button>
      </Group>
      {decide.isError && <p role="alert">{decide.error.message}</p>}
    </Stack>
  );
}

// standing says where a request stands that is not the viewer's to decide.
function standing(request: AccessRequest): string {
  const approvals = (request.opinions ?? []).filter((o) => o.approve).length;
  switch (request.status) {
    case 'pending':
      return `It waits for ${request.approvals - approvals} more of ${(request.approvers ?? []).join(', ')} to approve it.`;
    case 'approved':
      return request.active && request.until
        ? `It is approved: access until ${new Date(request.until).toLocaleString()}.`
        : 'It was approved; the grant has ended.';
    case 'denied':
      return 'It is denied.';
    case 'withdrawn':
      return 'It was withdrawn.';
    default:
      return 'Nobody decided in time; it has to be made again.';
  }
}
