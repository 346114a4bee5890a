import { Button, Popover, SegmentedControl, Skeleton } from '@mantine/core';
import { IconChevronDown, IconDownload } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { auditCount, type AuditSearch, EXPORT_FORMATS, type ExportFormat, exportPath } from '../../api/audit';
import { plural } from '../../format/amount';
import classes from './AuditPage.module.css';

const MEANING: Record<ExportFormat, string> = {
  jsonl: 'An event a line, as it stands in the record.',
  csv: 'A table for spreadsheets: values that look like formulas are marked as text.',
  parquet: 'Columns, for DuckDB, Spark, ClickHouse or Athena.',
};

// ExportMenu has the browser download all that the search finds, not only what the table has loaded.
export function ExportMenu({ search }: { search: AuditSearch }) {
  const [opened, setOpened] = useState(false);
  const [format, setFormat] = useState<ExportFormat>('jsonl');
  const [begun, setBegun] = useState(false);
  const open = (next: boolean) => {
    setOpened(next);
    setBegun(false);
  };
  return (
    <Popover opened={opened} onChange={open} position="bottom-end" width={320} trapFocus returnFocus>
      <Popover.Target>
        <Button
          variant="default"
          leftSection={<IconDownload size={14} />}
          rightSection={<IconChevronDown size={13} />}
          onClick={() => open(!opened)}
        >
          Export
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="Export">
        <Matching search={search} />
        <SegmentedControl
          fullWidth
          mb={8}
          size="xs"
          aria-label="Format"
          value={format}
          onChange={(value) => setFormat(EXPORT_FORMATS.find((f) => f === value) ?? 'jsonl')}
          data={EXPORT_FORMATS.map((value) => ({ value, label: value === 'parquet' ? 'Parquet' : value.toUpperCase() }))}
        />
        <p className={classes.told}>{MEANING[format]}</p>
        <Button component="a" href={exportPath(search, format)} download fullWidth onClick={() => setBegun(true)}>
          Download
        </Button>
        <p className={classes.told} role={begun ? 'status' : undefined}>
          {begun ? 'The download has begun; the browser shows how far it is. ' : ''}That you exported, and what, is put on the record.
        </p>
      </Popover.Dropdown>
    </Popover>
  );
}

// Matching is only in the page while the menu is open, so that only then events are counted.
function Matching({ search }: { search: AuditSearch }) {
  const found = useQuery(auditCount(search));
  if (found.isPending) return <Skeleton height={16} mb="xs" role="status" aria-label="Counting" />;
  if (found.isError) {
    return (
      <p className={`${classes.told} bad`} role="alert">
        The events cannot be counted: {found.error.message}
      </p>
    );
  }
  const { count, partial, capped } = found.data;
  return (
    <p className={classes.told} role="status">
      {partial || capped ? 'At least ' : ''}
      <strong>{plural(count, 'event')}</strong> {count === 1 ? 'matches' : 'match'} this search.
    </p>
  );
}
