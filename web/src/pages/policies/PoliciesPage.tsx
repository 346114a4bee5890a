import { Button, Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useMayChange } from '../../api/me';
import { policies, useRemovePolicy, useSavePolicy } from '../../api/policies';
import type { Policy } from '../../api/types';
import { ConfirmButton } from '../../components/ConfirmButton';
import { ListPage } from '../../components/ListPage';
import { Command, Notice } from '../../components/Notice';
import { RemoveButton } from '../../components/RemoveButton';
import { plural } from '../../format/amount';

export function PoliciesPage() {
  const mayChange = useMayChange();
  return (
    <ListPage
      title="Policies"
      noun="policy"
      nouns="policies"
      query={useQuery(policies)}
      filterText={(policy) => [policy.name, policy.text].join(' ')}
      columns={['Name', 'State', 'Text', 'Action']}
      row={(policy) => <Row key={policy.name} policy={policy} mayChange={mayChange} />}
      tools={mayChange && <Button renderRoot={(props) => <Link to="/add/policy" {...props} />}>Add policy</Button>}
      empty={
        <Notice title="No policies yet">
          <p>Roles are enough for most. What they cannot say, Cedar policies say beside them: they permit and forbid.</p>
          <Command>sally admin policies add no-ddl --file no-ddl.cedar</Command>
        </Notice>
      }
    />
  );
}

function Row({ policy, mayChange }: { policy: Policy; mayChange: boolean }) {
  const remove = useRemovePolicy();
  return (
    <Table.Tr>
      <Table.Td fw={500}>
        <Link to="/policies/$name" params={{ name: policy.name }}>
          {policy.name}
        </Link>
      </Table.Td>
      <Table.Td>{policy.disabled ? <span className="soft">disabled</span> : <span className="good">in effect</span>}</Table.Td>
      <Table.Td className="soft">{plural(policy.text.trim().split('\n').length, 'line')}</Table.Td>
      <Table.Td>
        {mayChange && (
          <div style={{ display: 'flex', gap: 6 }}>
            <Switch policy={policy} />
            <RemoveButton what={`the policy ${policy.name}`} name={policy.name} remove={remove}>
              It has no effect any more, from now on. Its text stays in the record.
            </RemoveButton>
          </div>
        )}
      </Table.Td>
    </Table.Tr>
  );
}

function Switch({ policy }: { policy: Policy }) {
  const save = useSavePolicy();
  const verb = policy.disabled ? 'Enable' : 'Disable';
  return (
    <ConfirmButton
      label={verb}
      title={`${verb} the policy ${policy.name}?`}
      pending={save.isPending}
      error={save.error}
      act={(done) => save.mutate({ object: { name: policy.name, text: policy.text, disabled: !policy.disabled }, fresh: false, before: policy }, { onSuccess: done })}
    >
      {policy.disabled
        ? 'It decides from now on; open sessions that it forbids are cut.'
        : 'It is kept, and has no effect: what it alone forbids is allowed, and what it alone permits is not.'}
    </ConfirmButton>
  );
}
