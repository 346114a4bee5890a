import { ActionIcon, Popover } from '@mantine/core';
import { IconHelp } from '@tabler/icons-react';
import { FIELDS } from '../../query/fields';
import classes from './QueryBar.module.css';

export function SyntaxHelp() {
  return (
    <Popover position="bottom-end" width={520} trapFocus>
      <Popover.Target>
        <ActionIcon aria-label="How to search" size="sm">
          <IconHelp size={15} />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown aria-label="How to search" tabIndex={-1}>
        A word or a "phrase in quotes" is looked for in the statement. A name with a colon narrows; a minus in front
        excludes: <code className="mono">-class:read</code>. All terms must hold.
        <dl className={classes.help}>
          {FIELDS.map(({ field, example, meaning }) => (
            <div key={field} style={{ display: 'contents' }}>
              <dt>{example}</dt>
              <dd>{meaning}</dd>
            </div>
          ))}
        </dl>
      </Popover.Dropdown>
    </Popover>
  );
}
