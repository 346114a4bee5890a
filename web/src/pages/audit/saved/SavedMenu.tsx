import { Button, Popover, TextInput } from '@mantine/core';
import { IconBookmark, IconChevronDown } from '@tabler/icons-react';
import { type FormEvent, useState } from 'react';
import type { AuditSearchParams } from '../search';
import { kept, MAX_NAME, sameView, type SavedSearch, withSaved } from './links';
import classes from './Saved.module.css';
import { SavedList } from './SavedList';
import { StartingPoints } from './StartingPoints';
import { useSaved } from './useSaved';

// SavedMenu keeps views under names in this browser, and leads to them.
export function SavedMenu({ view }: { view: AuditSearchParams }) {
  const [opened, setOpened] = useState(false);
  const [saved, setSaved] = useSaved();
  const current = saved.find((search) => sameView(search.view, view));
  const close = () => setOpened(false);
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-end" width={340} trapFocus returnFocus>
      <Popover.Target>
        <Button
          variant="default"
          leftSection={<IconBookmark size={14} />}
          rightSection={<IconChevronDown size={13} />}
          aria-label={current ? `Saved searches: ${current.name}` : 'Saved searches'}
          onClick={() => setOpened((o) => !o)}
        >
          <span className={classes.current}>{current?.name ?? 'Saved'}</span>
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="Saved searches" className={classes.menu}>
        <SaveForm view={view} current={current} save={(search) => setSaved((all) => withSaved(all, search))} />
        <h3 className={classes.head}>Saved in this browser</h3>
        <SavedList saved={saved} setSaved={setSaved} picked={close} />
        <h3 className={classes.head}>Starting points</h3>
        <StartingPoints picked={close} />
      </Popover.Dropdown>
    </Popover>
  );
}

interface FormProps {
  view: AuditSearchParams;
  current: SavedSearch | undefined;
  save: (search: SavedSearch) => void;
}

function SaveForm({ view, current, save }: FormProps) {
  const [name, setName] = useState('');
  if (current) return <p className={classes.note}>This view is saved as “{current.name}”.</p>;
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (!name.trim()) return;
    save({ name: name.trim(), view: kept(view) });
    setName('');
  };
  return (
    <form onSubmit={submit} className={classes.form}>
      <TextInput
        aria-label="Name for this search"
        placeholder="Name for this search"
        maxLength={MAX_NAME}
        value={name}
        onChange={(e) => setName(e.currentTarget.value)}
        data-autofocus
      />
      <Button type="submit" disabled={!name.trim()}>
        Save
      </Button>
    </form>
  );
}
