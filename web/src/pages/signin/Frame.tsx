import { Loader } from '@mantine/core';
import { type ReactNode, useEffect } from 'react';
import { Mark } from '../../components/Mark';
import { SchemeButton } from '../../components/Shell';
import classes from './SignInPage.module.css';

// Frame stands around the pages that people see before, or while, they sign something in.
export function Frame({ title, children }: { title: string; children: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Sallyport`;
  }, [title]);
  return (
    <main className={classes.page}>
      <div className={classes.corner}>
        <SchemeButton />
      </div>
      <h1 className={classes.brand}>
        <Mark size={26} />
        Sallyport
      </h1>
      {children}
    </main>
  );
}

export function Busy({ children }: { children: ReactNode }) {
  return (
    <p role="status">
      <Loader size={14} mr={8} />
      {children}
    </p>
  );
}

// Wrong shows why something failed; nothing when nothing did.
export function Wrong({ children }: { children: string | undefined }) {
  if (!children) return null;
  return (
    <p role="alert" className="bad">
      {children}
    </p>
  );
}
