import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import { CopyButton } from './CopyButton';
import classes from './Notice.module.css';

// Notice fills a page, or a table's place, that has nothing to show: it says why and what to do.
export function Notice({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <section className={classes.notice}>
      <h2 className={classes.title}>{title}</h2>
      <div className={classes.text}>{children}</div>
    </section>
  );
}

// Command is a command line to run, with a button that copies it.
export function Command({ children }: { children: string }) {
  return (
    <div className={classes.command}>
      <code>{children}</code>
      <CopyButton value={children} label="Copy the command" />
    </div>
  );
}

// Unread says why something that a page or a form needs beside its own is not there: the first that could not be read.
export function Unread({ what, queries }: { what: string; queries: { error: Error | null }[] }) {
  const failed = queries.find(({ error }) => error);
  if (!failed?.error) return null;
  return (
    <p role="alert" className="bad">
      {what}: {failed.error.message}
    </p>
  );
}

// Failure says what went wrong, in the server's own words, and offers another try.
export function Failure({ what, error, retry }: { what: string; error: Error; retry: () => void }) {
  return (
    <div role="alert">
      <Notice title={what}>
        <p>{error.message}</p>
        <Button variant="default" onClick={retry}>
          Try again
        </Button>
      </Notice>
    </div>
  );
}
