import { ActionIcon, Popover } from '@mantine/core';
import { IconHelp } from '@tabler/icons-react';
import { FIELDS } from '../../query/fields';
import classes from './QueryBar.module.css';

const KEYS: [string, string][] = [
  ['/', 'to the search'],
  ['j k ↓ ↑', 'next and previous row'],
  ['↵', "open the row's event, or a statement's events"],
  ['esc', 'close'],
  ['s', 'events or statements'],
  ['f', 'the lists of values, to narrow by'],
  ['z', 'zoom out in time'],
  ['?', 'this help'],
];

interface Props {
  opened: boolean;
  setOpened: (opened: boolean) => void;
}

export function SyntaxHelp({ opened, setOpened }: Props) {
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-end" width={540} trapFocus returnFocus>
      <Popover.Target>
        <ActionIcon aria-label="How to search" size="sm" onClick={() => setOpened(!opened)}>
          <IconHelp size={15} />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown aria-label="How to search" tabIndex={0} className={classes.helpBox}>
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
        <h3 className={classes.helpHead}>Keys</h3>
        <dl className={classes.help}>
          {KEYS.map(([key, meaning]) => (
            <div key={key} style={{ display: 'contents' }}>
              <dt>
                {key.split(' ').map((one) => (
                  <kbd key={one}>{one}</kbd>
                ))}
              </dt>
              <dd>{meaning}</dd>
            </div>
          ))}
        </dl>
      </Popover.Dropdown>
    </Popover>
  );
}
