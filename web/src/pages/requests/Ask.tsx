import { Select, Skeleton, Text, Textarea } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { offers, useAsk } from '../../api/requests';
import type { Offer } from '../../api/types';
import { Form } from '../../components/Form';
import { FormDialog } from '../../components/FormDialog';
import { Facts } from '../../components/ObjectPage';
import { statementTerms } from '../roles/terms';
import { accountsFor, durationsUpTo, offeredResources, offersFor } from './standing';

// Ask is the way to what one may have for a time.
export function Ask() {
  return (
    <FormDialog label="Ask for access" title="Ask for access">
      {(close) => <Offers done={close} />}
    </FormDialog>
  );
}

function Offers({ done }: { done: () => void }) {
  const query = useQuery(offers);
  if (query.isPending) return <Skeleton height={120} role="status" aria-label="Loading" />;
  if (query.isError) {
    return (
      <Text role="alert" className="bad">
        {query.error.message}
      </Text>
    );
  }
  if (query.data.items.length === 0) {
    return <Text size="sm">There is no role that you may ask for. Ask an admin for one, or for the access itself.</Text>;
  }
  return <Wish all={query.data.items} done={done} />;
}

function Wish({ all, done }: { all: Offer[]; done: () => void }) {
  const ask = useAsk();
  const [resource, setResource] = useState<string | null>(null);
  const [role, setRole] = useState<string | null>(null);
  const [account, setAccount] = useState<string | null>(null);
  const [reason, setReason] = useState('');
  const [duration, setDuration] = useState<string | null>(null);
  const fitting = offersFor(all, resource);
  const offer = fitting.find((one) => one.role === role) ?? (fitting.length === 1 ? fitting[0] : undefined);
  const durations = offer ? durationsUpTo(offer.longest) : [];
  // What was chosen for another offer counts only if this one has it too.
  const lasting = durations.find((one) => one === duration);

  const submit = () =>
    ask.mutate(
      {
        resource: resource ?? undefined,
        role: offer?.role,
        account: account ?? undefined,
        reason,
        duration: lasting,
      },
      { onSuccess: done },
    );

  return (
    <Form
      fields={['resource', 'role', 'account', 'reason', 'duration']}
      error={ask.error}
      pending={ask.isPending}
      submit="Ask"
      onSubmit={submit}
      disabled={!offer}
      cancel={done}
    >
      {(at) => (
        <>
          <Select
            label="Resource"
            size="xs"
            placeholder="all that the role covers"
            data-autofocus
            openOnFocus={false}
            searchable
            clearable
            clearButtonProps={{ 'aria-label': 'No resource in particular' }}
            data={offeredResources(all)}
            value={resource}
            error={at('resource')}
            onChange={(name) => {
              setResource(name);
              setAccount(null);
            }}
          />
          <Select
            label="Role"
            size="xs"
            required
            allowDeselect={false}
            data={fitting.map((one) => one.role)}
            value={offer?.role ?? null}
            error={at('role')}
            onChange={(name) => {
              setRole(name);
              setAccount(null);
              setDuration(null);
            }}
          />
          {offer && <Terms offer={offer} />}
          {offer && resource && (
            <Select
              label="Account"
              size="xs"
              placeholder="all that the role gives there"
              clearable
              clearButtonProps={{ 'aria-label': 'All accounts' }}
              data={accountsFor(offer, resource)}
              value={account}
              error={at('account')}
              onChange={setAccount}
            />
          )}
          <Textarea
            label="Reason"
            description="Who approves reads it; it is in the record"
            size="xs"
            required
            maxLength={1000}
            autosize
            minRows={2}
            value={reason}
            error={at('reason')}
            onChange={(e) => setReason(e.currentTarget.value)}
          />
          {offer && (
            <Select
              label="For"
              size="xs"
              placeholder="an hour, or less where the role gives less"
              data={durations}
              value={lasting ?? null}
              error={at('duration')}
              onChange={setDuration}
            />
          )}
        </>
      )}
    </Form>
  );
}

function Terms({ offer }: { offer: Offer }) {
  const approval =
    offer.approvals === 0
      ? 'nobody: a reason is enough'
      : `${offer.approvals} of ${(offer.approvers ?? []).join(', ')}`;
  return <Facts facts={[['Approved by', approval], ['At most for', offer.longest], ...statementTerms(offer.statements)]} />;
}
