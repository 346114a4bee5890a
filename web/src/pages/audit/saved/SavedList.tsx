import { ActionIcon, Button, TextInput, Tooltip } from '@mantine/core';
import { IconPencil, IconTrash } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { type FormEvent, type ReactNode, useState } from 'react';
import { CopyButton } from '../../../components/CopyButton';
import { linkOf, MAX_NAME, renamed, type SavedSearch, withoutSaved } from './links';
import classes from './Saved.module.css';

interface Props {
  saved: SavedSearch[];
  setSaved: (change: (before: SavedSearch[]) => SavedSearch[]) => void;
  picked: () => void;
}

// SavedList is one's own searches: each a link, to be copied, renamed and deleted. The last deletion can be undone.
export function SavedList({ saved, setSaved, picked }: Props) {
  const [naming, setNaming] = useState('');
  const [deleted, setDeleted] = useState<{ search: SavedSearch; at: number }>();
  const undo = () => {
    if (deleted) setSaved((all) => all.toSpliced(deleted.at, 0, deleted.search));
    setDeleted(undefined);
  };
  return (
    <>
      {saved.length === 0 && !deleted && <p className={classes.note}>None yet. Give the view a name to find it here again.</p>}
      <ul className={classes.list} aria-label="Saved in this browser">
        {saved.map((search, at) =>
          search.name === naming ? (
            <li key={search.name} className={classes.item}>
              <Rename
                name={search.name}
                rename={(to) => {
                  if (to) setSaved((all) => renamed(all, search.name, to));
                  setNaming('');
                }}
              />
            </li>
          ) : (
            <li key={search.name} className={classes.item}>
              <Link to="/audit" search={search.view} className={classes.link} title={search.view.q} onClick={picked}>
                {search.name}
              </Link>
              <CopyButton value={window.location.origin + linkOf(search.view)} label={`Copy the link of ${search.name}`} />
              <Tool label={`Rename ${search.name}`} act={() => setNaming(search.name)}>
                <IconPencil size={14} />
              </Tool>
              <Tool
                label={`Delete ${search.name}`}
                act={() => {
                  setSaved((all) => withoutSaved(all, search.name));
                  setDeleted({ search, at });
                }}
              >
                <IconTrash size={14} />
              </Tool>
            </li>
          ),
        )}
      </ul>
      {deleted && (
        <p className={classes.note} role="status">
          “{deleted.search.name}” is deleted.{' '}
          <Button size="compact-xs" variant="subtle" onClick={undo}>
            Undo
          </Button>
        </p>
      )}
    </>
  );
}

function Rename({ name, rename }: { name: string; rename: (to: string) => void }) {
  const [text, setText] = useState(name);
  const submit = (e: FormEvent) => {
    e.preventDefault();
    rename(text.trim());
  };
  return (
    <form onSubmit={submit} className={classes.form}>
      <TextInput
        aria-label={`New name of ${name}`}
        autoFocus
        maxLength={MAX_NAME}
        value={text}
        onChange={(e) => setText(e.currentTarget.value)}
        onKeyDown={(e) => {
          if (e.key !== 'Escape') return;
          e.stopPropagation();
          rename('');
        }}
      />
      <Button type="submit" disabled={!text.trim()}>
        Rename
      </Button>
    </form>
  );
}

function Tool({ label, act, children }: { label: string; act: () => void; children: ReactNode }) {
  return (
    <Tooltip label={label}>
      <ActionIcon size="sm" aria-label={label} onClick={act}>
        {children}
      </ActionIcon>
    </Tooltip>
  );
}
