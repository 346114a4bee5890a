import { Badge, Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { myPasskeys, useRemovePasskey } from '../../api/account';
import type { Passkey } from '../../api/types';
import { ConfirmButton } from '../../components/ConfirmButton';
import { localTime } from '../../format/time';
import classes from './AccountPage.module.css';
import { AddPasskey } from './AddPasskey';
import { FreshProof } from './FreshProof';
import { RenamePasskey } from './RenamePasskey';
import { Section } from './Section';

export function MyPasskeys() {
  return (
    <Section
      title="Passkeys"
      query={useQuery(myPasskeys)}
      columns={['Name', 'Added', 'Last used', 'State', 'Actions']}
      tools={<AddPasskey />}
      empty="None yet. A passkey signs you in by fingerprint, face or security key, and opens what asks for a second proof."
      row={(passkey) => <Row key={passkey.id} passkey={passkey} />}
    />
  );
}

function Row({ passkey }: { passkey: Passkey }) {
  const remove = useRemovePasskey();
  return (
    <Table.Tr>
      <Table.Td fw={500}>{passkey.label}</Table.Td>
      <Table.Td className="soft">{localTime(passkey.created)}</Table.Td>
      <Table.Td className="soft">{passkey.last_used ? localTime(passkey.last_used) : 'never'}</Table.Td>
      <Table.Td>
        {passkey.copied ? (
          <Badge color="red.9" variant="filled" title={`Since ${localTime(passkey.copied)}`}>
            a copy may exist: refused
          </Badge>
        ) : (
          <span className="soft">{passkey.synced ? 'on several devices' : 'on one device'}</span>
        )}
      </Table.Td>
      <Table.Td>
        <div className={classes.actions}>
          <RenamePasskey passkey={passkey} />
          <ConfirmButton
            label="Remove"
            title={`Remove the passkey ${passkey.label}?`}
            danger
            pending={remove.isPending}
            error={null}
            act={(done) => remove.mutate(passkey.id, { onSuccess: done })}
          >
            It signs you in no more, and what asks for a passkey asks you again.
            <FreshProof error={remove.error} retry={() => remove.mutate(passkey.id)} />
          </ConfirmButton>
        </div>
      </Table.Td>
    </Table.Tr>
  );
}
