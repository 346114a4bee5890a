import { useLocalStorage } from '@mantine/hooks';
import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { auditAnswers, auditHistogram, auditSearch, auditTop } from '../../api/audit';
import { useKeys } from '../../components/useKeys';
import { withFilter } from '../../query/terms';
import classes from './AuditPage.module.css';
import { EventPanel } from './EventPanel';
import { EventTable } from './EventTable';
import { Facets } from './facets/Facets';
import { Histogram } from './histogram/Histogram';
import { QueryBar } from './QueryBar';
import { mergeRows } from './record';
import { Results } from './Results';
import { useAuditView } from './search';
import { Statements } from './statements/Statements';
import { EventsStatus, StatementsStatus } from './StatusBar';
import { Toolbar } from './Toolbar';
import { useTail } from './useTail';

// GROUPS bounds how many statements are shown grouped.
const GROUPS = 200;
// RECOUNT_MS is how often a live view counts anew.
const RECOUNT_MS = 10_000;
// WIDE_PX is the width from which on the lists of values stand open at first.
const WIDE_PX = 1_000;

// AuditPage searches the record. The URL holds the whole view; the rows come from the search and, while live, from
// the tail on top of it.
export function AuditPage() {
  const [view, change] = useAuditView();
  const { q = '', from = '', to = '', live, event } = view;
  const grouped = view.view === 'statements';
  const search = useMemo(() => ({ q, from, to }), [q, from, to]);
  const events = useMemo(() => auditSearch(search), [search]);
  const found = useInfiniteQuery({ ...events, enabled: !grouped });
  const groups = useQuery({ ...auditTop(search, 'fingerprint', view.by ?? 'count', GROUPS), enabled: grouped });
  const histogram = useQuery({ ...auditHistogram(search, view.split ?? 'class'), refetchInterval: live ? RECOUNT_MS : false });
  const client = useQueryClient();
  const tail = useTail(q, live === 'on' && !grouped, () => void client.invalidateQueries({ queryKey: events.queryKey }));

  const rows = useMemo(
    () => mergeRows(found.data?.pages.flatMap((page) => page.rows ?? []) ?? [], tail.arrived),
    [found.data, tail.arrived],
  );

  const [narrowing, setNarrowing] = useLocalStorage({
    key: 'sallyport.audit.narrowing',
    defaultValue: window.innerWidth > WIDE_PX,
    getInitialValueInEffect: false,
  });
  const input = useRef<HTMLInputElement>(null);
  const grid = useRef<HTMLDivElement>(null);
  const [marked, setMarked] = useState('');
  const [helped, setHelped] = useState(false);
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
  const openGroup = useCallback(
    (fingerprint: string) => change({ q: withFilter(q, 'fingerprint', fingerprint), view: undefined, by: undefined }),
    [change, q],
  );
  const close = useCallback(() => {
    if (event) setMarked(event);
    change({ event: undefined });
    grid.current?.focus();
  }, [change, event]);
  const show = (as: 'statements' | undefined) => change({ view: as, by: undefined, event: undefined });

  const move = (step: number) => {
    const ids = grouped ? (groups.data?.values.map((group) => group.value) ?? []) : rows.map((row) => row.id);
    const at = ids.indexOf(current);
    const next = ids[at < 0 ? 0 : Math.min(Math.max(at + step, 0), ids.length - 1)];
    if (!next) return;
    if (event && !grouped) return open(next);
    setMarked(next);
    // Enter is then the row's, and no longer that of a button that was pressed before.
    grid.current?.focus({ preventScroll: true });
  };
  useKeys({
    '/': () => input.current?.select(),
    '?': () => setHelped(true),
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    PageDown: () => move(20),
    PageUp: () => move(-20),
    Home: () => move(-Infinity),
    End: () => move(Infinity),
    Enter: () => current && (grouped ? openGroup : open)(current),
    Escape: () => event && close(),
    f: () => setNarrowing((shown) => !shown),
    s: () => show(grouped ? undefined : 'statements'),
  });

  const shown = grouped ? groups : found;
  return (
    <div className={classes.page}>
      <h1 className={classes.hidden}>Audit</h1>
      <QueryBar
        view={view}
        change={change}
        error={shown.error}
        tail={tail.state}
        input={input}
        leave={() => {
          grid.current?.focus();
          move(0);
        }}
        refresh={() => void client.invalidateQueries(auditAnswers)}
        fetching={shown.isFetching}
        helped={helped}
        setHelped={setHelped}
      />
      <Toolbar {...{ view, change, search, narrowing }} toggleNarrowing={() => setNarrowing(!narrowing)} />
      <div className={classes.split} data-open={event ? true : undefined} data-narrowing={narrowing || undefined}>
        {narrowing && <Facets search={search} change={change} close={() => setNarrowing(false)} />}
        <div className={classes.left}>
          <Histogram found={histogram} view={view} change={change} filter={filter} />
          {grouped ? (
            <Statements ref={grid} found={groups} by={view.by ?? 'count'} change={change} current={current} open={openGroup} />
          ) : (
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
          )}
          {grouped ? <StatementsStatus found={groups} /> : <EventsStatus found={found} rows={rows.length} />}
        </div>
        {event && <EventPanel key={event} id={event} known={rows.find((row) => row.id === event)} filter={filter} change={change} close={close} />}
      </div>
    </div>
  );
}
