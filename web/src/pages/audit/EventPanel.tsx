import { ActionIcon, SegmentedControl, Skeleton, Tooltip } from '@mantine/core';
import { IconX } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { auditEvent } from '../../api/audit';
import type { AuditEvent } from '../../api/types';
import { CopyButton } from '../../components/CopyButton';
import { Code } from '../../components/Code';
import { outcome } from '../../format/event';
import { Admin } from './AdminAct';
import classes from './EventPanel.module.css';
import type { Filter } from './EventTable';
import { Facts } from './Facts';
import { Outcome } from './Outcome';
import { Params } from './Params';
import { ProofSection } from './proof/ProofSection';
import type { ChangeView } from './search';
import { Statement } from './Statement';

interface Props {
  id: string;
  // known is the event as the table has it.
  known: AuditEvent | undefined;
  filter: Filter;
  change: ChangeView;
  close: () => void;
}

// EventPanel tells all that is recorded of one event.
export function EventPanel({ id, known, filter, change, close }: Props) {
  const query = useQuery({ ...auditEvent(id), placeholderData: known });
  const [as, setAs] = useState('told');
  const event = latest(query.isPlaceholderData ? undefined : query.data, known);

  return (
    <aside className={classes.panel} aria-label="Event">
      <div className={classes.head}>
        <h2 className={classes.title}>{event ? title(event) : 'Event'}</h2>
        <div className={classes.tools}>
          <SegmentedControl
            size="xs"
            aria-label="View"
            value={as}
            onChange={setAs}
            data={[
              { value: 'told', label: 'Event' },
              { value: 'json', label: 'JSON' },
            ]}
          />
          <CopyButton value={window.location.href} label="Copy a link to this view" />
          <Tooltip label="Close (Esc)">
            <ActionIcon aria-label="Close" onClick={close}>
              <IconX size={16} />
            </ActionIcon>
          </Tooltip>
        </div>
      </div>
      <div className={classes.body} tabIndex={0} role="region" aria-label="What is recorded">
        {event ? as === 'json' ? <Json event={event} /> : <Told {...{ event, filter, change }} /> : <Missing error={query.error} />}
      </div>
    </aside>
  );
}

// latest is what is known of an event: all of it once it is fetched, texts in side files included. The tail may know a
// result before the next poll does.
function latest(fetched: AuditEvent | undefined, known: AuditEvent | undefined): AuditEvent | undefined {
  if (!fetched || !known) return fetched ?? known;
  if (fetched.done || !known.done) return fetched;
  return { ...known, statement: fetched.statement, params: fetched.params };
}

function title(event: AuditEvent): string {
  switch (event.type) {
    case 'session.start':
      return 'Session opened';
    case 'session.end':
      return 'Session closed';
    case 'session.denied':
      return 'Connection refused';
    case 'admin':
      return 'Change in the control plane';
    default:
      return outcome(event).tone === 'denied' ? 'Statement refused' : 'Statement';
  }
}

function Told({ event, filter, change }: { event: AuditEvent; filter: Filter; change: ChangeView }) {
  return (
    <>
      <Outcome event={event} />
      <Redacted fields={event.redacted} />
      <Replay event={event} />
      <Statement event={event} />
      <Params params={event.params} />
      <Admin event={event} />
      <Facts event={event} filter={filter} change={change} />
      <ProofSection event={event} />
    </>
  );
}

// Replay leads to what a terminal showed. Of one that is open nothing else says that it is recorded.
function Replay({ event }: { event: AuditEvent }) {
  const open = event.type === 'statement' && event.class === 'shell' && !event.done && event.verdict !== 'deny';
  if (!event.session || (!event.recording && !open)) return null;
  return (
    <p className={classes.told}>
      <Link to="/recordings/$session" params={{ session: event.session }} search={{ statement: event.id }}>
        {event.recording ? 'Replay what the terminal showed' : 'Watch the open terminal'}
      </Link>
    </p>
  );
}

function Redacted({ fields }: { fields: string[] | undefined }) {
  if (!fields?.length) return null;
  return <div className={classes.redacted}>By a rule, something was taken out before this was recorded: {fields.join(', ')}.</div>;
}

function Json({ event }: { event: AuditEvent }) {
  const text = JSON.stringify(event, null, 2);
  return (
    <div className={classes.box}>
      <div className={classes.boxHead}>
        As recorded, with its result
        <span style={{ marginLeft: 'auto' }}>
          <CopyButton value={text} label="Copy the JSON" />
        </span>
      </div>
      <Code text={text} language="json" />
    </div>
  );
}

function Missing({ error }: { error: Error | null }) {
  if (error) return <p role="alert" className="bad">This event cannot be shown: {error.message}</p>;
  return <Skeleton height={120} role="status" aria-label="Loading" />;
}
