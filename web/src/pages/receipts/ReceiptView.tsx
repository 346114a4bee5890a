import { Button, Table } from '@mantine/core';
import { API } from '../../api/http';
import { receiptPath } from '../../api/receipts';
import type { Receipt } from '../../api/types';
import { Facts } from '../../components/ObjectPage';
import { plural } from '../../format/amount';
import { localTime, shortTime } from '../../format/time';
import { cutsOf, gatewayState, withinText } from './receipt';

const acts: Record<Receipt['action'], string> = { suspend: 'suspended', delete: 'removed', revoke: 'signed out everywhere' };

// ReceiptView shows what was cut when somebody was put out, where and when.
export function ReceiptView({ receipt }: { receipt: Receipt }) {
  const cuts = cutsOf(receipt);
  return (
    <div>
      <p role="status" className={receipt.complete ? 'good' : 'warn'}>
        {receipt.complete
          ? `Every gateway has confirmed: ${plural(cuts.length, 'session')} cut${withinText(receipt)}.`
          : 'Not every gateway has confirmed yet; those that have not end all sessions by themselves, at the time shown.'}
      </p>
      <Facts
        facts={[
          ['User', receipt.user],
          ['Act', acts[receipt.action]],
          ['By', receipt.by],
          ['Refused from', localTime(receipt.refused_from)],
          ['Sign-ins ended', `${plural(receipt.browser_sessions, 'browser')}, ${plural(receipt.client_sessions, 'terminal')}`],
          ['Tokens refused', receipt.tokens.join(', ') || 'none'],
          ['SSH keys refused', receipt.ssh_keys?.join(', ')],
          ['Grants without effect', String(receipt.grants)],
          ['Links and codes', receipt.one_time_secrets > 0 && String(receipt.one_time_secrets)],
        ]}
      />
      <Table aria-label="Gateways">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Gateway</Table.Th>
            <Table.Th>State</Table.Th>
            <Table.Th>At</Table.Th>
            <Table.Th>Sessions cut</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {receipt.gateways.map((gateway) => (
            <Table.Tr key={gateway.name}>
              <Table.Td fw={500}>{gateway.name}</Table.Td>
              <Table.Td>{gatewayState(gateway.state)}</Table.Td>
              <Table.Td className="soft">{gateway.at ? shortTime(gateway.at) : '–'}</Table.Td>
              <Table.Td>{gateway.sessions.length}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {cuts.length > 0 && (
        <Table aria-label="Sessions that were cut" mt="md">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Resource</Table.Th>
              <Table.Th>Account</Table.Th>
              <Table.Th>Gateway</Table.Th>
              <Table.Th>Cut at</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {cuts.map((cut) => (
              <Table.Tr key={cut.session}>
                <Table.Td>{cut.resource}</Table.Td>
                <Table.Td className="mono">{cut.account}</Table.Td>
                <Table.Td>{cut.gateway}</Table.Td>
                <Table.Td className="soft">{shortTime(cut.at)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
    </div>
  );
}

// Download hands out the receipt as it was signed, byte for byte: what the page has read would be written otherwise.
export function Download({ id }: { id: string }) {
  return (
    <Button variant="default" component="a" href={API + receiptPath(id)} download={`receipt-${id}.json`}>
      Download, signed
    </Button>
  );
}
