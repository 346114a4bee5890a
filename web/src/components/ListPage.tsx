import { Skeleton, Stack, Table, TextInput } from '@mantine/core';
import type { UseQueryResult } from '@tanstack/react-query';
import { type ReactNode, useEffect, useState } from 'react';
import { plural } from '../format/amount';
import classes from './ListPage.module.css';
import { Failure, Notice } from './Notice';

interface Props<T> {
  title: string;
  noun: string;
  // nouns is noun's plural where it is not just an s more.
  nouns?: string;
  query: UseQueryResult<{ items: T[] }>;
  // filterText is what the filter box looks into.
  filterText: (item: T) => string;
  columns: string[];
  row: (item: T) => ReactNode;
  // empty teaches how to make the first one.
  empty: ReactNode;
  tools?: ReactNode;
  // above stands between the title and the list, whatever the list's state.
  above?: ReactNode;
}

// ListPage is a page that lists all of one noun, in each of its states.
export function ListPage<T>(props: Props<T>) {
  const [filter, setFilter] = useState('');
  useEffect(() => {
    document.title = `${props.title} · Sallyport`;
  }, [props.title]);

  const all = props.query.data?.items ?? [];
  const wanted = filter.trim().toLowerCase();
  const items = wanted ? all.filter((item) => props.filterText(item).toLowerCase().includes(wanted)) : all;

  return (
    <div className={classes.page}>
      <div className={classes.head}>
        <h1 className={classes.title}>{props.title}</h1>
        {props.query.data && <span className={classes.count}>{plural(all.length, props.noun, props.nouns)}</span>}
        <div className={classes.tools}>
          {all.length > 0 && (
            <TextInput
              aria-label={`Filter ${props.title.toLowerCase()}`}
              placeholder="Filter"
              value={filter}
              onChange={(e) => setFilter(e.currentTarget.value)}
            />
          )}
          {props.tools}
        </div>
      </div>
      {props.above}
      <Body {...props} all={all} items={items} />
    </div>
  );
}

function Body<T>(props: Props<T> & { all: T[]; items: T[] }) {
  const { query, title, columns, all, items } = props;
  if (query.isPending) return <Waiting />;
  if (query.isError && all.length === 0) {
    return (
      <Failure
        what={`The ${title.toLowerCase()} cannot be shown`}
        error={query.error}
        retry={() => void query.refetch()}
      />
    );
  }
  if (all.length === 0) return <>{props.empty}</>;
  if (items.length === 0) return <Notice title="None matches the filter" />;
  return (
    <div className={classes.scroll} tabIndex={0} role="region" aria-label={title}>
      {query.isError && (
        <p role="alert" className="bad">
          Not up to date: {query.error.message}
        </p>
      )}
      <Table>
        <Table.Thead>
          <Table.Tr>
            {columns.map((column) => (
              <Table.Th key={column}>{column}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>{items.map(props.row)}</Table.Tbody>
      </Table>
    </div>
  );
}

function Waiting() {
  return (
    <Stack gap={10} role="status" aria-label="Loading">
      {[0, 1, 2, 3].map((n) => (
        <Skeleton key={n} height={18} />
      ))}
    </Stack>
  );
}
