import { Group } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import { me } from '../../api/me';
import { Words } from '../../components/Words';
import { localTime } from '../../format/time';
import classes from './AccountPage.module.css';
import { MyPasskeys } from './MyPasskeys';
import { MyRoles } from './MyRoles';
import { MySignIns } from './MySignIns';
import { MySSHKeys } from './MySSHKeys';
import { MyTokens } from './MyTokens';

// AccountPage shows who I am here, what I may do and why, and everything that proves me.
export function AccountPage() {
  const person = useQuery(me).data;
  useEffect(() => {
    document.title = 'My account · Sallyport';
  }, []);
  return (
    <div className={classes.page}>
      <h1 className={classes.title}>My account</h1>
      {person && (
        <>
          <p>
            Signed in as <strong>{person.user}</strong>
            {person.expires && <span className="soft"> until {localTime(person.expires)}</span>}
            {person.mfa && <span className="soft">, passkey used {localTime(person.mfa)}</span>}
          </p>
          <Group gap="xs">
            <span className="soft">Groups</span>
            <Words words={person.groups} />
          </Group>
        </>
      )}
      <MyRoles />
      <MyPasskeys />
      <MySSHKeys />
      <MySignIns />
      <MyTokens />
    </div>
  );
}
