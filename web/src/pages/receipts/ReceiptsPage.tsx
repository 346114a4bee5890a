import { Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { receipts } from '../../api/receipts';
import type { ReceiptSummary } from '../../api/types';
import { ListPage } from '../../components/ListPage';
import { Command, Notice } from '../../components/Notice';
import { localTime } from '../../format/time';
import { Download } from './ReceiptView';

export function ReceiptsPage() {
  return (
    <ListPage
      title="Receipts"
      noun="receipt"
      query={useQuery(receipts)}
      filterText={(receipt) => [receipt.id, receipt.user].join(' ')}
      columns={['Receipt', 'User', 'Issued', 'Action']}
      row={(receipt) => <Row key={receipt.id} receipt={receipt} />}
      empty={
        <Notice title="Nobody was put out yet">
          <p>When a user is suspended, removed or signed out everywhere, a signed receipt lists all that was cut, where and when.</p>
          <Command>sally admin users suspend alice@acme.com</Command>
        </Notice>
      }
    />
  );
}

function Row({ receipt }: { receipt: ReceiptSummary }) {
  return (
    <Table.Tr>
      <Table.Td className="mono">
        <Link to="/receipts/$id" params={{ id: receipt.id }}>
          {receipt.id}
        </Link>
      </Table.Td>
      <Table.Td fw={500}>{receipt.user}</Table.Td>
      <Table.Td className="soft">{localTime(receipt.created)}</Table.Td>
      <Table.Td>
        <Download id={receipt.id} />
      </Table.Td>
    </Table.Tr>
  );
}
