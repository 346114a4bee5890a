import { Skeleton } from '@mantine/core';
import type { UseQueryResult } from '@tanstack/react-query';
import { type ReactNode, useEffect } from 'react';
import { Failure } from './Notice';
import classes from './ObjectPage.module.css';

interface Props {
  title: string;
  // up leads to the list that the object stands in.
  up?: ReactNode;
  tools?: ReactNode;
  children: ReactNode;
}

// ObjectPage is the frame of a page about one thing.
export function ObjectPage({ title, up, tools, children }: Props) {
  useEffect(() => {
    document.title = `${title} · Sallyport`;
  }, [title]);
  return (
    <div className={classes.page}>
      {up && (
        <nav aria-label="Up" className={classes.up}>
          {up}
        </nav>
      )}
      <div className={classes.head}>
        <h1 className={classes.title}>{title}</h1>
        <div className={classes.tools}>{tools}</div>
      </div>
      {children}
    </div>
  );
}

// Loaded shows what a query brought, or that it has not yet, or why it cannot.
export function Loaded<T>({ query, what, children }: { query: UseQueryResult<T>; what: string; children: (data: T) => ReactNode }) {
  if (query.data !== undefined) {
    return (
      <>
        {query.isError && (
          <p role="alert" className="bad">
            Not up to date: {query.error.message}
          </p>
        )}
        {children(query.data)}
      </>
    );
  }
  if (query.isError) {
    return <Failure what={`${what} cannot be shown`} error={query.error} retry={() => void query.refetch()} />;
  }
  return <Skeleton height={120} role="status" aria-label="Loading" />;
}

// Facts are pairs of a name and what it is; pairs without anything are left out.
export function Facts({ facts }: { facts: [string, ReactNode][] }) {
  return (
    <dl className={classes.facts}>
      {facts
        .filter(([, value]) => value !== undefined && value !== null && value !== '' && value !== false)
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}
