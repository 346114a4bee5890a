import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { auditSearch } from '../../api/audit';
import { withFilter } from '../../query/terms';
import classes from './AuditPage.module.css';
import { EventPanel } from './EventPanel';
import { EventTable } from './EventTable';
import { QueryBar } from './QueryBar';
import { mergeRows } from './record';
import { Results } from './Results';
import { useAuditView } from './search';
import { StatusBar } from './StatusBar';
import { useKeys } from './useKeys';
import { useTail } from './useTail';

// AuditPage searches the record. The URL holds the whole view; the rows come from the search and, while live, from
// the tail on top of it.
export function AuditPage() {
  const [view, change] = useAuditView();
  const { q = '', from = '', to = '', live, event } = view;
  const search = useMemo(() => auditSearch({ q, from, to }), [q, from, to]);
  const found = useInfiniteQuery(search);
  const client = useQueryClient();
  const tail = useTail(q, live === 'on', () => void client.invalidateQueries({ queryKey: search.queryKey }));

  const rows = useMemo(
    () => mergeRows(found.data?.pages.flatMap((page) => page.rows ?? []) ?? [], tail.arrived),
    [found.data, tail.arrived],
  );

  const input = useRef<HTMLInputElement>(null);
  const grid = useRef<HTMLDivElement>(null);
  const [marked, setMarked] = useState('');
  const current = event ?? marked;

  useEffect(() => {
    document.title = q ? `${q} · Sallyport` : 'Audit · Sallyport';
  }, [q]);

  const filter = useCallback(
    (field: string, value: string, negated = false) => change({ q: withFilter(q, field, value, negated) }),
    [change, q],
  );
  const open = useCallback(
    (id: string) => {
      setMarked(id);
      change({ event: id }, { replace: event !== undefined });
    },
    [change, event],
  );
  const close = useCallback(() => {
    if (event) setMarked(event);
    change({ event: undefined });
    grid.current?.focus();
  }, [change, event]);

  const move = (step: number) => {
    const at = rows.findIndex((row) => row.id === current);
    const next = rows[at < 0 ? 0 : Math.min(Math.max(at + step, 0), rows.length - 1)];
    if (!next) return;
    if (event) open(next.id);
    else setMarked(next.id);
  };
  useKeys({
    '/': () => input.current?.select(),
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    PageDown: () => move(20),
    PageUp: () => move(-20),
    Home: () => move(-rows.length),
    End: () => move(rows.length),
    Enter: () => current && open(current),
    Escape: () => event && close(),
  });

  return (
    <div className={classes.page}>
      <h1 className={classes.hidden}>Audit</h1>
      <QueryBar
        view={view}
        change={change}
        error={found.error}
        tail={tail.state}
        input={input}
        leave={() => {
          grid.current?.focus();
          move(0);
        }}
        refresh={() => void found.refetch()}
        fetching={found.isFetching}
      />
      <div className={classes.split} data-open={event ? true : undefined}>
        <div className={classes.left}>
          <Results found={found} rows={rows} view={view} change={change} live={live === 'on'}>
            <EventTable
              ref={grid}
              rows={rows}
              current={current}
              compact={event !== undefined}
              open={open}
              filter={filter}
              nearEnd={() => {
                if (found.hasNextPage && !found.isFetching && !found.data?.pages.at(-1)?.partial) void found.fetchNextPage();
              }}
            />
          </Results>
          <StatusBar found={found} rows={rows.length} />
        </div>
        {event && <EventPanel key={event} id={event} known={rows.find((row) => row.id === event)} filter={filter} change={change} close={close} />}
      </div>
    </div>
  );
}
