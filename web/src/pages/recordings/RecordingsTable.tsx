import { Table } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { Ref } from 'react';
import type { Recording, RecordingsFound } from '../../api/types';
import { bytes } from '../../format/amount';
import { localTime } from '../../format/time';
import { position } from './moments';
import classes from './RecordingsPage.module.css';

const COLUMNS = ['When', 'Who', 'Server', 'Account', 'Command', 'Duration', 'Size', 'Gateway'];

interface Props {
  ref: Ref<HTMLDivElement>;
  items: RecordingsFound['items'];
  // q is what was looked for; empty in a list.
  q: string;
}

// RecordingsTable has a row for each recording, and below it the moments that a search found there; each leads to the player.
export function RecordingsTable({ ref, items, q }: Props) {
  return (
    <div ref={ref} className={classes.scroll} tabIndex={0} role="region" aria-label="Recordings">
      <Table>
        <Table.Thead>
          <Table.Tr>
            {COLUMNS.map((column) => (
              <Table.Th key={column}>{column}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        {items.map((item) => (
          <Table.Tbody key={item.recording.statement}>
            <Row recording={item.recording} q={q} />
            {item.hits.length > 0 && <Hits {...item} q={q} />}
          </Table.Tbody>
        ))}
      </Table>
    </div>
  );
}

const placeOf = ({ session, statement }: Recording, q: string, at?: number) => ({
  to: '/recordings/$session' as const,
  params: { session },
  search: { statement, ...(q && { q }), ...(at !== undefined && { at }) },
});

function Row({ recording, q }: { recording: Recording; q: string }) {
  const { user, resource, account, command, text, started, growing, here, gateway } = recording;
  return (
    <Table.Tr>
      <Table.Td className={classes.nowrap}>
        <Link {...placeOf(recording, q)} aria-label={`${growing ? 'Watch' : 'Replay'} ${user} at ${resource}, ${localTime(started)}`}>
          {localTime(started)}
        </Link>
      </Table.Td>
      <Table.Td fw={500}>{user}</Table.Td>
      <Table.Td className={classes.nowrap}>{resource}</Table.Td>
      <Table.Td className={`mono ${classes.nowrap}`}>{account || '–'}</Table.Td>
      <Table.Td className={`mono ${classes.command}`}>{command === 'shell' ? 'shell' : text}</Table.Td>
      <Table.Td className={classes.nowrap}>
        <Duration recording={recording} />
      </Table.Td>
      <Table.Td className={classes.nowrap}>{here ? bytes(recording.bytes) : <span className="soft">not here yet</span>}</Table.Td>
      <Table.Td>{gateway}</Table.Td>
    </Table.Tr>
  );
}

function Duration({ recording: { growing, interrupted, arrived, seconds, here } }: { recording: Recording }) {
  if (growing) return 'open now';
  if (interrupted && arrived) {
    return (
      <span className="warn" title={`Nothing has come from its gateway since ${localTime(arrived)}`}>
        interrupted
      </span>
    );
  }
  return seconds > 0 || here ? position(seconds) : '–';
}

function Hits({ recording, hits, more, q }: RecordingsFound['items'][number] & { q: string }) {
  return (
    <Table.Tr>
      <Table.Td colSpan={COLUMNS.length}>
        <ul className={classes.hits} aria-label={`Shown to ${recording.user} at ${recording.resource}`}>
          {hits.map((hit, i) => (
            <li key={i}>
              <Link {...placeOf(recording, q, hit.seconds)} className={classes.hit}>
                <span className={classes.at}>{position(hit.seconds)}</span>
                <span className="mono">{hit.line}</span>
              </Link>
            </li>
          ))}
          {more && <li className="soft">There is more in this recording; the player lists all of it.</li>}
        </ul>
      </Table.Td>
    </Table.Tr>
  );
}
