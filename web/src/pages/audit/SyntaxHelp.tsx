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
        A word, a word's beginning (<code className="mono">refund*</code>) or a "phrase in quotes" is looked for in
        statements and their parameters. A name with a colon narrows. A minus in front excludes:{' '}
        <code className="mono">-class:read</code>. All terms must hold, unless joined by{' '}
        <code className="mono">or</code>; parentheses group.
        <dl className={classes.help}>
          {FIELDS.map(({ example, meaning }) => (
            <div key={example} style={{ display: 'contents' }}>
              <dt>{example}</dt>
              <dd>{meaning}</dd>
            </div>
          ))}
        </dl>
      </Popover.Dropdown>
    </Popover>
  );
}
