import { Button, CopyButton, SegmentedControl } from '@mantine/core';
import { IconCheck, IconFilter, IconLink } from '@tabler/icons-react';
import type { AuditSearch } from '../../api/audit';
import classes from './AuditPage.module.css';
import { ExportMenu } from './ExportMenu';
import { linkOf } from './saved/links';
import { SavedMenu } from './saved/SavedMenu';
import type { AuditSearchParams, ChangeView } from './search';

interface Props {
  view: AuditSearchParams;
  change: ChangeView;
  search: AuditSearch;
  // narrowing says whether the lists of values are shown.
  narrowing: boolean;
  toggleNarrowing: () => void;
}

// Toolbar is how the answer is shown, and where it can go from here.
export function Toolbar({ view, change, search, narrowing, toggleNarrowing }: Props) {
  return (
    <div className={classes.toolbar} role="group" aria-label="View">
      <Button
        variant={narrowing ? 'light' : 'default'}
        aria-expanded={narrowing}
        leftSection={<IconFilter size={14} />}
        onClick={toggleNarrowing}
      >
        Narrow
      </Button>
      <SegmentedControl
        size="xs"
        aria-label="Show"
        value={view.view ?? 'events'}
        onChange={(value) => change(value === 'statements' ? { view: 'statements', event: undefined } : { view: undefined, by: undefined })}
        data={[
          { value: 'events', label: 'Events' },
          { value: 'statements', label: 'Statements' },
        ]}
      />
      <span className={classes.far}>
        <SavedMenu view={view} />
        <CopyButton value={window.location.origin + linkOf(view)} timeout={1500}>
          {({ copied, copy }) => (
            <Button variant="default" leftSection={copied ? <IconCheck size={14} /> : <IconLink size={14} />} onClick={copy}>
              {copied ? 'Copied' : 'Copy link'}
            </Button>
          )}
        </CopyButton>
        <ExportMenu search={search} />
      </span>
    </div>
  );
}
