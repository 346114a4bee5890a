import { SegmentedControl } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { AuditEvent } from '../../api/types';
import { Code } from '../../components/Code';
import { CopyButton } from '../../components/CopyButton';
import { statementView } from '../../format/event';
import { isSql, languageOf } from '../../format/language';
import classes from './EventPanel.module.css';

// FORMAT_MAX bounds what is laid out for reading, in characters.
const FORMAT_MAX = 20_000;

// Statement shows the text laid out for reading, or byte for byte as it was sent. What is copied is what was sent.
export function Statement({ event }: { event: AuditEvent }) {
  const { text, note } = statementView(event.statement);
  const language = languageOf(event.protocol);
  const [as, setAs] = useState('read');
  const pretty = useQuery({
    queryKey: ['pretty', language, text],
    queryFn: async () => (await import('../../format/sql')).prettySql(text, language),
    enabled: isSql(language) && text !== '' && text.length <= FORMAT_MAX && note === '',
    staleTime: Infinity,
    gcTime: 60_000,
    retry: false,
  });
  if (!text && !note) return null;
  const laidOut = pretty.data !== undefined && pretty.data.trim() !== text.trim();
  return (
    <div className={classes.box}>
      <div className={classes.boxHead}>
        {[event.command, event.prepared && `prepared as ${event.prepared}`].filter(Boolean).join(', ') || 'Statement'}
        <span style={{ marginLeft: 'auto' }} className={classes.inline}>
          {laidOut && (
            <SegmentedControl
              size="xs"
              aria-label="Layout of the statement"
              value={as}
              onChange={setAs}
              data={[
                { value: 'read', label: 'Laid out' },
                { value: 'sent', label: 'As sent' },
              ]}
            />
          )}
          <CopyButton value={text} label="Copy the statement as sent" />
        </span>
      </div>
      {note && <div className={classes.note}>{note}</div>}
      <div className={classes.boxBody} tabIndex={0} role="region" aria-label="Statement text">
        <Code text={laidOut && as === 'read' ? pretty.data : text} language={language} />
      </div>
    </div>
  );
}
