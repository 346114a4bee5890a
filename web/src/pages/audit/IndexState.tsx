import { useQuery } from '@tanstack/react-query';
import { auditStatus } from '../../api/audit';
import type { AuditStatus } from '../../api/types';
import { plural } from '../../format/amount';
import { duration } from '../../format/time';

// LATE_US is the lag from which on the index is called behind, in microseconds.
const LATE_US = 10_000_000;

// IndexState says up to when the record can be searched.
export function IndexState() {
  const status = useQuery(auditStatus);
  if (status.isPending) return null;
  if (status.isError) return <span className="warn">Whether the index is up to date is not known: {status.error.message}</span>;
  return (
    <>
      <Told index={status.data.index} />
      <Signing status={status.data} />
    </>
  );
}

// Signing says when the record is not being proven as it should be.
function Signing({ status }: { status: AuditStatus }) {
  const lost = status.witnesses?.filter((witness) => witness.trouble) ?? [];
  if (!status.trouble && lost.length === 0) return null;
  return (
    <span className="bad" role="alert">
      {status.trouble
        ? `Nothing is signed at present: ${status.trouble}`
        : `${plural(lost.length, 'witness', 'witnesses')} got no checkpoint: ${lost[0]?.trouble ?? ''}`}
    </span>
  );
}

function Told({ index }: { index: AuditStatus['index'] }) {
  if (index.trouble) {
    return (
      <span className="bad" role="alert" title={index.trouble}>
        The index is in trouble, and newest events may be missing: {index.trouble}
      </span>
    );
  }
  if (index.lag_us > LATE_US) {
    return (
      <span className="warn" role="status">
        The index is {duration(index.lag_us)} behind: {plural(index.behind, 'record')} cannot be found yet
      </span>
    );
  }
  return (
    <span title={`Index: ${index.index}, ${plural(index.records, 'record')}`}>
      searchable up to {index.lag_us > 0 ? `${duration(index.lag_us)} ago` : 'now'}
    </span>
  );
}
