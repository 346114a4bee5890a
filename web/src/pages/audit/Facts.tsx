import { ActionIcon, Tooltip } from '@mantine/core';
import { IconMinus } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import type { AuditEvent } from '../../api/types';
import { CopyButton } from '../../components/CopyButton';
import { localTime } from '../../format/time';
import classes from './EventPanel.module.css';
import type { Filter } from './EventTable';
import type { ChangeView } from './search';

interface Props {
  event: AuditEvent;
  filter: Filter;
  change: ChangeView;
}

// Facts are who, where, through what and when; most values narrow the search when picked.
export function Facts({ event, filter, change }: Props) {
  const pick = (field: string, value: string | undefined) =>
    value && <Pick field={field} value={value} filter={filter} />;
  const picks = (field: string, values: string[] | undefined) =>
    values?.length ? (
      <span className={classes.inline}>
        {values.map((value) => (
          <Pick key={value} field={field} value={value} filter={filter} />
        ))}
      </span>
    ) : null;
  return (
    <>
      <Section name="Who">
        <Fact name="User">{pick('user', event.user)}</Fact>
        <Fact name="Groups">{picks('group', event.groups)}</Fact>
        <Fact name="Role">{pick('role', event.role)}</Fact>
        <Fact name="From">{event.client_addr && <span className="mono">{event.client_addr}</span>}</Fact>
        <Fact name="Application">{pick('application', event.application)}</Fact>
      </Section>
      <Section name="Where">
        <Fact name="Resource">{pick('resource', event.resource)}</Fact>
        <Fact name="Database">{pick('database', event.database)}</Fact>
        <Fact name="Account">{pick('account', event.account)}</Fact>
        <Fact name="Login">{event.login !== event.account && event.login}</Fact>
        <Fact name="Credential">{event.credential}</Fact>
        <Fact name="Through">
          {[event.gateway && `gateway ${event.gateway}`, event.entrance && `${event.entrance} entrance`, event.protocol]
            .filter(Boolean)
            .join(', ')}
        </Fact>
      </Section>
      <Section name="What">
        <Fact name="Class">{pick('class', event.class)}</Fact>
        <Fact name="Tables">{picks('table', event.tables)}</Fact>
        <Fact name="Columns">{picks('column', event.columns)}</Fact>
        <Fact name="Verdict">{pick('verdict', event.verdict)}</Fact>
        <Fact name="Policy">{pick('policy', event.policy)}</Fact>
        <Fact name="Redacted">{picks('redacted', event.redacted)}</Fact>
        <Fact name="Fingerprint">{pick('fingerprint', event.fingerprint)}</Fact>
      </Section>
      <Section name="Record">
        <Fact name="Time">
          {localTime(event.time)} <span className="soft mono">{event.time}</span>
        </Fact>
        <Fact name="Session">
          {event.session && (
            <span className={classes.inline}>
              <button
                type="button"
                className={classes.pick}
                onClick={() => change({ q: `session:${event.session}`, from: undefined, to: undefined })}
              >
                The whole session
              </button>
              <Id id={event.session} label="Copy the session's ID" />
            </span>
          )}
        </Fact>
        <Fact name="Event">
          <Id id={event.id} label="Copy the event's ID" />
        </Fact>
        <Fact name="Sequence">{String(event.seq)}</Fact>
      </Section>
    </>
  );
}

function Section({ name, children }: { name: string; children: ReactNode }) {
  return (
    <section>
      <h3 className={classes.section}>{name}</h3>
      <dl className={classes.facts}>{children}</dl>
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  if (!children) return null;
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function Id({ id, label }: { id: string; label: string }) {
  return (
    <span className={classes.inline}>
      <span className="mono">{id}</span>
      <CopyButton value={id} label={label} />
    </span>
  );
}

function Pick({ field, value, filter }: { field: string; value: string; filter: Filter }) {
  return (
    <span className={classes.inline}>
      <button
        type="button"
        className={classes.pick}
        aria-label={`Only ${field} ${value}`}
        onClick={() => filter(field, value)}
      >
        {value}
      </button>
      <Tooltip label={`All but ${value}`}>
        <ActionIcon size={16} aria-label={`All but ${field} ${value}`} onClick={() => filter(field, value, true)}>
          <IconMinus size={11} />
        </ActionIcon>
      </Tooltip>
    </span>
  );
}
