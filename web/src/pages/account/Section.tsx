import { Skeleton, Table } from '@mantine/core';
import type { UseQueryResult } from '@tanstack/react-query';
import { type ReactNode, useId } from 'react';
import { Failure } from '../../components/Notice';
import classes from './AccountPage.module.css';

interface Props<T> {
  title: string;
  query: UseQueryResult<{ items: T[] }>;
  columns: string[];
  row: (item: T) => ReactNode;
  empty: ReactNode;
  tools?: ReactNode;
}

// Section is one list of the account, in each of its states.
export function Section<T>({ title, query, columns, row, empty, tools }: Props<T>) {
  const id = useId();
  return (
    <div className={classes.section}>
      <div className={classes.head}>
        <h2 id={id} className={classes.heading}>
          {title}
        </h2>
        <div className={classes.tools}>{tools}</div>
      </div>
      {query.isPending ? (
        <Skeleton height={18} role="status" aria-label="Loading" />
      ) : query.isError ? (
        <Failure what="This cannot be shown" error={query.error} retry={() => void query.refetch()} />
      ) : query.data.items.length === 0 ? (
        <div className="soft">{empty}</div>
      ) : (
        <div className={classes.scroll} tabIndex={0} role="region" aria-labelledby={id}>
          <Table>
            <Table.Thead>
              <Table.Tr>
                {columns.map((column) => (
                  <Table.Th key={column}>{column}</Table.Th>
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>{query.data.items.map(row)}</Table.Tbody>
          </Table>
        </div>
      )}
    </div>
  );
}
