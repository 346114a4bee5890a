import { ActionIcon, Tooltip } from '@mantine/core';
import { useLocalStorage } from '@mantine/hooks';
import { IconX } from '@tabler/icons-react';
import type { AuditSearch } from '../../../api/audit';
import type { ChangeView } from '../search';
import { Facet } from './Facet';
import classes from './Facets.module.css';
import { FACETS, OPEN_AT_FIRST } from './fields';

interface Props {
  search: AuditSearch;
  change: ChangeView;
  close: () => void;
}

// Facets lists the most frequent values of each field among what the search finds. Only those that are open are asked
// for, and which are is kept in the browser.
export function Facets({ search, change, close }: Props) {
  const [open, setOpen] = useLocalStorage({ key: 'sallyport.audit.facets', defaultValue: OPEN_AT_FIRST, getInitialValueInEffect: false });
  const toggle = (field: string) => setOpen((before) => (before.includes(field) ? before.filter((f) => f !== field) : [...before, field]));
  return (
    <aside className={classes.facets} aria-label="Narrow by value">
      <div className={classes.head}>
        <h2 className={classes.title}>Narrow by</h2>
        <Tooltip label="Hide (f)">
          <ActionIcon size="sm" aria-label="Hide the lists of values" onClick={close}>
            <IconX size={14} />
          </ActionIcon>
        </Tooltip>
      </div>
      {FACETS.map(({ field, label }) => (
        <Facet key={field} {...{ field, label, search, change }} open={open.includes(field)} toggle={() => toggle(field)} />
      ))}
      <p className={classes.hint}>Click narrows, Alt+click excludes.</p>
    </aside>
  );
}
