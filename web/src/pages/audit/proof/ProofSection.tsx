import { Button } from '@mantine/core';
import { IconDownload, IconShieldCheck } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { auditProof, auditStatus } from '../../../api/audit';
import { Problem } from '../../../api/http';
import type { AuditEvent, Proof } from '../../../api/types';
import { Command } from '../../../components/Notice';
import { count } from '../../../format/amount';
import { localTime } from '../../../format/time';
import classes from '../EventPanel.module.css';
import { checkCommand, readCheckpoint } from './checkpoint';
import { saveFile } from './saveFile';

// ProofSection fetches, when asked, what proves that the event stands in the record.
export function ProofSection({ event }: { event: AuditEvent }) {
  const [asked, setAsked] = useState(false);
  const proof = useQuery({ ...auditProof(event.id), enabled: asked });
  return (
    <section className={classes.kept} aria-label="Proof">
      <h3 className={classes.section}>Proof</h3>
      {proof.data ? (
        <Proven event={event} proof={proof.data} />
      ) : (
        <>
          {!proof.isError && <p className={classes.told}>Shows to anybody, without trust in this server, that the record holds this event unchanged.</p>}
          {proof.isError && <Unproven error={proof.error} />}
          <Button
            variant="default"
            leftSection={<IconShieldCheck size={14} />}
            loading={proof.isFetching}
            onClick={() => (asked ? void proof.refetch() : setAsked(true))}
          >
            {proof.isError ? 'Try again' : 'Prove this event'}
          </Button>
        </>
      )}
    </section>
  );
}

// Unproven tells a server that proves nothing from one that could not, which is trouble.
function Unproven({ error }: { error: Error }) {
  if (error instanceof Problem && error.status === 501) {
    return <p className={classes.told} role="status">There is no proof to show: {error.message}.</p>;
  }
  return (
    <div className={classes.problem} role="alert">
      This event could not be proven: {error.message}
    </div>
  );
}

function Proven({ event, proof }: { event: AuditEvent; proof: Proof }) {
  const key = useQuery({ ...auditStatus, refetchInterval: false }).data?.key;
  const checkpoint = readCheckpoint(proof.checkpoint);
  const own = proof.inclusions[0];
  const result = proof.inclusions[1];
  const file = `proof-${event.id}.json`;
  if (!checkpoint || !own) {
    return (
      <div className={classes.problem} role="alert">
        The server&apos;s proof cannot be read. Check it with the command line: sally audit prove {event.id}
      </div>
    );
  }
  return (
    <>
      <p className={classes.told} role="status">
        This is record number <strong>{count(own.seq)}</strong> in the log <span className="mono">{checkpoint.origin}</span>
        {result && <>, with its result as number <strong>{count(result.seq)}</strong></>}, proven by the checkpoint of size{' '}
        <strong>{count(checkpoint.size)}</strong>
        {checkpoint.time ? <> signed at {localTime(checkpoint.time)}.</> : '.'}
      </p>
      <dl className={classes.facts}>
        <dt>Root hash</dt>
        <dd className="mono">{checkpoint.root}</dd>
        <dt>Signed by</dt>
        <dd>{checkpoint.signers.join(', ') || <span className="bad">nobody</span>}</dd>
      </dl>
      <Button variant="default" leftSection={<IconDownload size={14} />} onClick={() => saveFile(file, JSON.stringify(proof, null, 2))}>
        Download {file}
      </Button>
      {key && (
        <>
          <p className={classes.told}>Checks it on any machine, without this server. Compare the key with the one that you were given:</p>
          <Command>{checkCommand(file, key)}</Command>
        </>
      )}
    </>
  );
}
