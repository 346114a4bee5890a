import { Button, Group, Stack, Textarea } from '@mantine/core';
import { useState } from 'react';
import { useDecide } from '../../api/requests';
import type { AccessRequest } from '../../api/types';
import { FormDialog } from '../../components/FormDialog';
import { FreshProof } from '../account/FreshProof';
import { Given } from './Given';
import { wishOf } from './standing';

// DecideButtons open what one has to know to decide, in place.
export function DecideButtons({ request }: { request: AccessRequest }) {
  return (
    <FormDialog label="Decide" title={`Decide on ${request.user}'s request for ${wishOf(request)}`} minor size="lg">
      {(close) => (
        <Stack gap="sm">
          <Given request={request} />
          <Decide request={request} done={close} />
        </Stack>
      )}
    </FormDialog>
  );
}

// Decide approves or denies, with a comment.
export function Decide({ request, done }: { request: AccessRequest; done?: () => void }) {
  const decide = useDecide(request.id);
  const [comment, setComment] = useState('');
  const [token] = useState(() => location.hash.slice(1) || undefined);
  const say = (verb: 'approve' | 'deny') =>
    decide.mutate({ verb, comment: comment.trim() || undefined, token }, { onSuccess: done });
  return (
    <Stack gap="sm">
      <Textarea
        label="Comment"
        description="Who asked reads it; it is in the record"
        size="xs"
        maxLength={1000}
        autosize
        minRows={2}
        value={comment}
        onChange={(event) => setComment(event.currentTarget.value)}
      />
      <FreshProof error={decide.error} retry={() => decide.variables && decide.mutate(decide.variables, { onSuccess: done })} />
      <Group>
        <Button onClick={() => say('approve')} loading={decide.isPending && decide.variables.verb === 'approve'} disabled={decide.isPending}>
          Approve
        </Button>
        <Button
          variant="default"
          onClick={() => say('deny')}
          loading={decide.isPending && decide.variables.verb === 'deny'}
          disabled={decide.isPending}
        >
          Deny
        </Button>
      </Group>
    </Stack>
  );
}
