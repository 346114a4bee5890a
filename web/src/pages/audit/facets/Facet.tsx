import { ActionIcon, Button, Skeleton, Tooltip } from '@mantine/core';
import { IconChevronRight, IconMinus } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { type AuditSearch, auditTop } from '../../../api/audit';
import { Problem } from '../../../api/http';
import type { TopValue } from '../../../api/types';
import { count, plural } from '../../../format/amount';
import { filterSense, withFilter, withoutFilter } from '../../../query/terms';
import type { ChangeView } from '../search';
import classes from './Facets.module.css';

const FEW = 8;
const MANY = 50;

interface Props {
  field: string;
  label: string;
  search: AuditSearch;
  change: ChangeView;
  open: boolean;
  toggle: () => void;
}

// Facet is one field: its name, and when open its most frequent values.
export function Facet({ field, label, search, change, open, toggle }: Props) {
  return (
    <section className={classes.facet}>
      <h3 className={classes.name}>
        <button type="button" className={classes.toggle} aria-expanded={open} onClick={toggle}>
          <IconChevronRight size={13} aria-hidden className={classes.arrow} />
          {label}
        </button>
      </h3>
      {open && <Values {...{ field, label, search, change }} />}
    </section>
  );
}

function Values({ field, label, search, change }: Omit<Props, 'open' | 'toggle'>) {
  const [n, setN] = useState(FEW);
  const top = useQuery(auditTop(search, field, 'count', n));
  if (top.isPending) return <Skeleton height={60} my={4} role="status" aria-label={`Counting: ${label}`} />;
  if (top.isError) return <Refused error={top.error} retry={() => void top.refetch()} />;
  const { values, distinct, partial } = top.data;
  if (values.length === 0) return <p className={classes.none}>{partial ? 'None found so far' : 'None'}</p>;
  const most = values[0]?.count ?? 1;
  return (
    <div data-stale={top.isPlaceholderData || undefined} className={classes.values}>
      <ul className={classes.list} aria-label={label}>
        {values.map((value) => (
          <Value key={value.value} {...{ field, value, most, search, change }} />
        ))}
      </ul>
      {partial && (
        <p className={classes.partial}>
          Of the first {plural(top.data.scanned, 'record')} only.{' '}
          <Button size="compact-xs" variant="subtle" loading={top.isFetching} onClick={() => void top.refetch()}>
            Count again
          </Button>
        </p>
      )}
      {(distinct > values.length || n === MANY) && (
        <Button size="compact-xs" variant="subtle" color="gray" loading={top.isPlaceholderData} onClick={() => setN(n === FEW ? MANY : FEW)}>
          {n === MANY ? 'Fewer' : `More of ${count(distinct)}`}
        </Button>
      )}
    </div>
  );
}

function Refused({ error, retry }: { error: Error; retry: () => void }) {
  if (error instanceof Problem && error.position !== undefined) return <p className={classes.none}>Nothing is counted.</p>;
  return (
    <p className={classes.none} role="alert">
      {error.message}{' '}
      <Button size="compact-xs" variant="subtle" onClick={retry}>
        Try again
      </Button>
    </p>
  );
}

interface ValueProps {
  field: string;
  value: TopValue;
  most: number;
  search: AuditSearch;
  change: ChangeView;
}

// Value is one value with its count. Picked, it becomes a term of the search; picked again, the term goes.
function Value({ field, value: { value, count: n }, most, search: { q }, change }: ValueProps) {
  const sense = filterSense(q, field, value);
  const pick = (without: boolean) => {
    const taken = sense === (without ? 'without' : 'only');
    const next = taken ? withoutFilter(q, field, value) : withFilter(q, field, value, without);
    change({ q: next || undefined, event: undefined });
  };
  return (
    <li className={classes.item}>
      <button
        type="button"
        className={classes.value}
        aria-pressed={sense === 'only'}
        title={`${value}\nClick: only these. Alt+click: all but these.`}
        onClick={(e) => pick(e.altKey)}
      >
        <span className={classes.bar} style={{ width: `${Math.max((n / most) * 100, 1)}%` }} />
        <span className={classes.text}>{value}</span>
        <span className={classes.count}>
          {count(n)}
          <span className={classes.hidden}> {n === 1 ? 'event' : 'events'}</span>
        </span>
      </button>
      <Tooltip label="All but these">
        <ActionIcon size={20} className={classes.exclude} aria-label={`All but ${field} ${value}`} onClick={() => pick(true)}>
          <IconMinus size={12} />
        </ActionIcon>
      </Tooltip>
    </li>
  );
}
