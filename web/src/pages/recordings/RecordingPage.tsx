import { Button, Checkbox, Select, Skeleton, TextInput } from '@mantine/core';
import { type InfiniteData, useInfiniteQuery, type UseInfiniteQueryResult, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useEffect, useMemo, useState } from 'react';
import { foundInRecording, recordedInput, sessionRecordings, sessionStatements } from '../../api/recordings';
import type { Found, Recording } from '../../api/types';
import { Command, Failure, Notice } from '../../components/Notice';
import { count, plural } from '../../format/amount';
import { localTime } from '../../format/time';
import { KillButton } from '../sessions/KillButton';
import { momentsOf, position } from './moments';
import { Player, type Place } from './Player';
import classes from './RecordingPage.module.css';

const route = getRouteApi('/app/recordings/$session');

// RecordingPage shows what the terminals of a session showed, and beside it what else was done.
export function RecordingPage() {
  const { session } = route.useParams();
  const search = route.useSearch();
  const query = useQuery(sessionRecordings(session));
  useEffect(() => {
    document.title = 'Recording · Sallyport';
  }, []);
  if (query.error) return <Failure what="The recordings of this session" error={query.error} retry={() => void query.refetch()} />;
  if (!query.data) return <Skeleton m="md" height={320} role="status" aria-label="Loading" />;
  const { items } = query.data;
  const shown = items.find((recording) => recording.statement === search.statement) ?? items[0];
  if (!shown) {
    return (
      <Notice title="Nothing was recorded in this session">
        <p>Shells at SSH servers are recorded, and the output of commands where a resource asks for it.</p>
      </Notice>
    );
  }
  return <Shown key={shown.statement} recording={shown} all={items} />;
}

function Shown({ recording, all }: { recording: Recording; all: Recording[] }) {
  const search = route.useSearch();
  const [place, setPlace] = useState<Place>({ at: search.at ?? 0 });
  const [speed, setSpeed] = useState('1');
  const [skipIdle, setSkipIdle] = useState(true);
  const [live, setLive] = useState(recording.growing && search.at === undefined);
  const watching = live && recording.growing;
  const found = useInfiniteQuery(foundInRecording(recording.statement, recording.here ? (search.q ?? '') : ''));
  const marks = useMemo(() => found.data?.pages.flatMap((page) => page.items.map(({ seconds }) => seconds)).toSorted((a, b) => a - b) ?? [], [found.data]);
  const go = (at: number) => {
    setLive(false);
    setPlace({ at });
  };
  return (
    <div className={classes.page}>
      <div className={classes.main}>
        <div className={classes.head}>
          <h1 className={classes.title}>
            {recording.user} at {recording.resource}
            {recording.account && ` as ${recording.account}`}
          </h1>
          <span className="mono">{recording.command === 'shell' ? 'shell' : recording.text}</span>
          <span>{localTime(recording.started)}</span>
          <Link to="/audit" search={{ q: `session:${recording.session}` }}>
            The session in the record
          </Link>
        </div>
        {recording.here ? (
          <>
            <div className={classes.tools}>
              <Select
                label="Speed"
                value={speed}
                onChange={(value) => setSpeed(value ?? '1')}
                allowDeselect={false}
                disabled={watching}
                data={['0.5', '1', '2', '4', '8'].map((value) => ({ value, label: `${value}×` }))}
                w={90}
              />
              <Checkbox label="Shorten pauses to 2 s" checked={skipIdle} disabled={watching} onChange={(e) => setSkipIdle(e.currentTarget.checked)} />
              {recording.growing && (
                <>
                  <Button variant="default" onClick={() => setLive(!live)}>
                    {watching ? 'Replay from the beginning' : 'Watch live'}
                  </Button>
                  <KillButton session={{ id: recording.session, user: recording.user, resource: recording.resource }} />
                </>
              )}
            </div>
            {recording.interrupted && <Interrupted recording={recording} />}
            <Player
              statement={recording.statement} live={watching} place={place} marks={marks} speed={Number(speed)} idleLimit={skipIdle ? 2 : 0}
            />
            {!watching && <Keys />}
          </>
        ) : (
          <Notice title="This recording is not here yet">
            <p>The gateway {recording.gateway} sends it while it grows, as soon as it reaches this control plane.</p>
          </Notice>
        )}
        <p className={classes.note}>In a terminal:</p>
        <Command>{watching ? `sally admin sessions watch ${recording.session}` : `sally replay ${recording.statement}`}</Command>
      </div>
      <aside className={classes.side} aria-label="Moments">
        {all.length > 1 && <Others shown={recording} all={all} />}
        <Find recording={recording} found={found} go={go} />
        <Typed recording={recording} go={go} />
        <Done recording={recording} go={go} />
      </aside>
    </div>
  );
}

function Others({ shown, all }: { shown: Recording; all: Recording[] }) {
  return (
    <>
      <h2 className={classes.section}>Recordings of this session</h2>
      <ul className={classes.list}>
        {all.map((recording) => (
          <li key={recording.statement}>
            <Link
              className={classes.moment}
              to="/recordings/$session"
              params={{ session: recording.session }}
              search={{ statement: recording.statement }}
              aria-current={recording.statement === shown.statement ? 'true' : undefined}
            >
              <span className={classes.at}>{recording.growing ? 'open' : recording.interrupted ? 'cut off' : position(recording.seconds)}</span>
              <span className="mono">{recording.command === 'shell' ? 'shell' : recording.text}</span>
            </Link>
          </li>
        ))}
      </ul>
    </>
  );
}

// Interrupted says since when nothing comes of a recording that is not whole.
function Interrupted({ recording: { gateway, arrived } }: { recording: Recording }) {
  return (
    <p className={classes.interrupted} role="status">
      <strong>Interrupted.</strong> Nothing has come from the gateway {gateway}
      {arrived && ` since ${localTime(arrived)}`}: what the terminal showed up to then is here, and what the gateway still has comes when it is
      back.
    </p>
  );
}

// Keys tells by which keys the player is used, once it has the focus.
function Keys() {
  return (
    <p className={classes.note}>
      In the player: space plays and pauses, ← and → go 5 s, with shift a tenth, [ and ] go to what was found before and after, f fills the screen.
    </p>
  );
}

// Find looks for what was shown. That somebody looks is on the record, so it begins with Enter and not with each letter.
function Find({ recording, found, go }: { recording: Recording; found: Pages; go: (at: number) => void }) {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const [text, setText] = useState(search.q ?? '');
  return (
    <>
      <form
        role="search"
        onSubmit={(e) => {
          e.preventDefault();
          void navigate({ search: (before) => ({ ...before, statement: recording.statement, q: text.trim() || undefined }), replace: true });
        }}
      >
        <TextInput label="Find on the screen" placeholder="a text, then Enter" value={text} onChange={(e) => setText(e.currentTarget.value)} />
      </form>
      {found.isFetching && <p className={classes.note}>Searching…</p>}
      <Moments label="Found" pages={found} go={go} none="It was not shown." count={(n, more) => (more ? `Shown on ${count(n)} and more lines` : `Shown on ${plural(n, 'line')}`)} />
    </>
  );
}

// Typed lists what was typed or sent, where that was recorded.
function Typed({ recording, go }: { recording: Recording; go: (at: number) => void }) {
  const pages = useInfiniteQuery({ ...recordedInput(recording.statement), enabled: recording.here && !recording.growing });
  if (!pages.data?.pages[0]?.items.length && !pages.hasNextPage) return null;
  return (
    <>
      <h2 className={classes.section}>Typed</h2>
      <Moments label="Typed" pages={pages} go={go} none="" count={(n, more) => (more ? `${count(n)} and more lines` : plural(n, 'line'))} />
    </>
  );
}

type Pages = Pick<
  UseInfiniteQueryResult<InfiniteData<Found>>,
  'data' | 'error' | 'hasNextPage' | 'isFetching' | 'isFetchingNextPage' | 'fetchNextPage'
>;

interface MomentsProps {
  label: string;
  pages: Pages;
  none: string;
  count: (n: number, more: boolean) => string;
  go: (at: number) => void;
}

// Moments are lines with the moment of each, and a way to the rest of them.
function Moments({ label, pages, none, count, go }: MomentsProps) {
  if (pages.error) {
    return (
      <p role="alert" className="bad">
        {pages.error.message}
      </p>
    );
  }
  if (!pages.data) return null;
  const items = pages.data.pages.flatMap((page) => page.items);
  const upTo = pages.data.pages.at(-1)?.to ?? 0;
  return (
    <>
      <p className={classes.note} role="status">
        {items.length === 0 && !pages.hasNextPage ? none : count(items.length, pages.hasNextPage)}
      </p>
      <ul className={classes.list} aria-label={label}>
        {items.map((hit, i) => (
          <li key={i}>
            <button type="button" className={classes.moment} onClick={() => go(hit.seconds)}>
              <span className={classes.at}>{position(hit.seconds)}</span>
              <span className="mono">{hit.line}</span>
            </button>
          </li>
        ))}
      </ul>
      {pages.hasNextPage && (
        <Button size="xs" variant="default" mt={4} loading={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>
          Go on from {position(upTo)}
        </Button>
      )}
    </>
  );
}

// Done lists what else the session did while this was recorded.
function Done({ recording, go }: { recording: Recording; go: (at: number) => void }) {
  const query = useQuery(sessionStatements(recording.session));
  if (!query.data) return null;
  const moments = momentsOf(query.data, recording);
  return (
    <>
      <h2 className={classes.section}>Commands, files and forwards of this session</h2>
      {moments.length === 0 && <p className={classes.note}>None besides this terminal.</p>}
      <ul className={classes.list} aria-label="What else was done">
        {moments.map((moment) => (
          <li key={moment.key}>
            <button type="button" className={classes.moment} onClick={() => go(moment.at)}>
              <span className={classes.at}>{position(moment.at)}</span>
              <span className={moment.refused ? 'mono bad' : 'mono'}>
                {moment.text}
                {moment.refused && ' (refused)'}
              </span>
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}
