import { Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { mySSHKeys, useRemoveSSHKey } from '../../api/account';
import type { SSHKey } from '../../api/types';
import { ConfirmButton } from '../../components/ConfirmButton';
import { localTime } from '../../format/time';
import classes from './AccountPage.module.css';
import { AddSSHKey } from './AddSSHKey';
import { Section } from './Section';

export function MySSHKeys() {
  return (
    <Section
      title="SSH keys"
      query={useQuery(mySSHKeys)}
      columns={['Name', 'Fingerprint', 'Added', 'Action']}
      tools={<AddSSHKey />}
      empty="None. With sally ssh you need none; a key here lets any SSH client sign in as you at a gateway's SSH entrance."
      row={(key) => <Row key={key.fingerprint} sshKey={key} />}
    />
  );
}

function Row({ sshKey }: { sshKey: SSHKey }) {
  const remove = useRemoveSSHKey();
  const name = sshKey.name || sshKey.fingerprint;
  return (
    <Table.Tr>
      <Table.Td fw={500}>{sshKey.name || '–'}</Table.Td>
      <Table.Td className="mono">{sshKey.fingerprint}</Table.Td>
      <Table.Td className="soft">{sshKey.created ? localTime(sshKey.created) : '–'}</Table.Td>
      <Table.Td>
        <div className={classes.actions}>
          <ConfirmButton
            label="Remove"
            title={`Remove the SSH key ${name}?`}
            danger
            pending={remove.isPending}
            error={remove.error}
            act={(done) => remove.mutate(sshKey.fingerprint, { onSuccess: done })}
          >
            It opens nothing more, and the sessions that it opened end, at once.
          </ConfirmButton>
        </div>
      </Table.Td>
    </Table.Tr>
  );
}
