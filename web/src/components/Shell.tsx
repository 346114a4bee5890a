import { ActionIcon, Menu, Tooltip, UnstyledButton, useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import { IconChevronDown, IconLogout, IconMoon, IconSun, IconUser } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, Outlet, useNavigate } from '@tanstack/react-router';
import { me, useRights, useSignOut } from '../api/me';
import { useToDecide } from '../api/requests';
import { Mark } from './Mark';
import { visibleGroups } from './navigation';
import classes from './Shell.module.css';

// Shell is the frame around every page: where one can go, and who one is.
export function Shell() {
  return (
    <div className={classes.shell}>
      <header className={classes.bar}>
        <Link to="/" className={classes.brand}>
          <Mark />
          Sallyport
        </Link>
        <SchemeButton />
        <Account />
      </header>
      <Navigation />
      <main className={classes.main}>
        <Outlet />
      </main>
    </div>
  );
}

function Navigation() {
  const groups = visibleGroups(useRights());
  const waiting = useToDecide();
  return (
    <nav className={classes.nav} aria-label="Pages">
      {groups.map((group) => (
        <div key={group.label} className={classes.group} role="group" aria-label={group.label}>
          <div className={classes.groupName} aria-hidden>
            {group.label}
          </div>
          {group.pages.map((page) => (
            <Link key={page.to} to={page.to} className={classes.link} activeOptions={{ exact: false, includeSearch: false }}>
              {page.label}
              {page.to === '/requests' && waiting > 0 && (
                <span className={classes.badge} title={`${waiting} to decide`} aria-label={`${waiting} to decide`} role="img">
                  {waiting}
                </span>
              )}
            </Link>
          ))}
        </div>
      ))}
    </nav>
  );
}

export function SchemeButton() {
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme('light', { getInitialValueInEffect: false });
  const other = scheme === 'dark' ? 'light' : 'dark';
  return (
    <Tooltip label={`Use ${other} colours`}>
      <ActionIcon aria-label={`Use ${other} colours`} onClick={() => setColorScheme(other)}>
        {scheme === 'dark' ? <IconSun size={16} /> : <IconMoon size={16} />}
      </ActionIcon>
    </Tooltip>
  );
}

function Account() {
  const person = useQuery(me);
  const signOut = useSignOut();
  const navigate = useNavigate();
  if (!person.data) return null;
  return (
    <>
      {signOut.error && (
        <span role="alert" className="bad">
          Still signed in: {signOut.error.message}
        </span>
      )}
      <Menu position="bottom-end" width={220}>
        <Menu.Target>
          <UnstyledButton style={{ display: 'flex', alignItems: 'center', gap: 4, fontSize: 13 }}>
            {person.data.user}
            <IconChevronDown size={14} aria-hidden />
          </UnstyledButton>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconUser size={14} />} onClick={() => void navigate({ to: '/account' })}>
            My account
          </Menu.Item>
          <Menu.Item
            leftSection={<IconLogout size={14} />}
            onClick={() => signOut.mutate(undefined, { onSuccess: () => void navigate({ to: '/sign-in' }) })}
          >
            Sign out
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </>
  );
}
