import { Table } from '@mantine/core';
import type { Explanation } from '../../api/types';
import { Facts } from '../../components/ObjectPage';
import { localTime } from '../../format/time';

// Decision is what would be decided, by which rules, and what else was considered.
export function Decision({ answer }: { answer: Explanation }) {
  return (
    <section aria-label="Decision" style={{ marginTop: 22 }}>
      <p role="status">
        <strong className={answer.allowed ? 'good' : 'bad'}>{answer.allowed ? 'allowed' : 'denied'}</strong>: {answer.sentence}
      </p>
      <Facts
        facts={[
          ['Decided by', answer.policies?.join(', ')],
          ['Account', answer.account],
          ['Cause', answer.cause],
          ['Session until', answer.until && localTime(answer.until)],
          ['Rows at most', answer.max_rows ? String(answer.max_rows) : undefined],
        ]}
      />
      <h2 style={{ fontSize: 14 }}>Considered</h2>
      {answer.considered.length === 0 ? (
        <p className="soft">No role, grant or policy is about this.</p>
      ) : (
        <Table aria-label="Considered">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Rule</Table.Th>
              <Table.Th>Effect</Table.Th>
              <Table.Th>Applies</Table.Th>
              <Table.Th>Why</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {answer.considered.map((one, i) => (
              <Table.Tr key={i}>
                <Table.Td className="mono">{one.policy}</Table.Td>
                <Table.Td>{one.effect}</Table.Td>
                <Table.Td className={one.applies ? (one.effect === 'permit' ? 'good' : 'bad') : 'soft'}>{one.applies ? 'yes' : 'no'}</Table.Td>
                <Table.Td>{one.why}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
    </section>
  );
}
