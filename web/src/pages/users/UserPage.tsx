import { Badge } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { useMayChange } from '../../api/me';
import type { User } from '../../api/types';
import { user, useRemoveUser } from '../../api/users';
import { FormDialog } from '../../components/FormDialog';
import { Facts, Loaded, ObjectPage } from '../../components/ObjectPage';
import { RemoveButton } from '../../components/RemoveButton';
import { Words } from '../../components/Words';
import { localTime } from '../../format/time';
import { quote } from '../../query/terms';
import { Access, Grants, Receipts, Sessions, Tokens } from './UserSections';
import { SignInLink } from './SignInLink';
import { RevokeButton, SuspendButton } from './SuspendButton';
import { UserForm } from './UserForm';

// UserPage is who a user is, what they may open now and why, and all that proves them.
export function UserPage() {
  const { name } = useParams({ from: '/app/users/$name' });
  const query = useQuery(user(name));
  return (
    <ObjectPage title={name} up={<Link to="/users">Users</Link>} tools={useMayChange() && query.data && <Tools user={query.data} />}>
      <Loaded query={query} what="This user">
        {(shown) => (
          <>
            <Who user={shown} />
            <Access user={shown} />
            <Sessions user={name} />
            <Grants user={name} />
            <Tokens user={name} />
            <Receipts user={name} />
          </>
        )}
      </Loaded>
    </ObjectPage>
  );
}

function Who({ user }: { user: User }) {
  const claimed = user.claimed_groups ?? [];
  return (
    <Facts
      facts={[
        ['State', user.suspended ? <Badge color="red.9" variant="filled">suspended</Badge> : <span className="good">active</span>],
        ['Known as', user.title],
        ['Email', user.email],
        ['Kind', user.kind === 'service_account' ? 'service account' : 'person'],
        ['Roles', <Words key="roles" words={user.roles} />],
        ['Groups', <Words key="groups" words={user.groups} />],
        ['Groups by sign-in', claimed.length > 0 && <Words words={claimed} />],
        ['Workloads', user.workloads?.map((workload) => workload.issuer).join(', ')],
        ['Kept by', user.source && `${user.source}: changes made there come here`],
        ['Added', user.created && localTime(user.created)],
        ['Record', <Link key="record" to="/audit" search={{ q: `user:${quote(user.name)}` }}>Statements</Link>],
      ]}
    />
  );
}

function Tools({ user }: { user: User }) {
  const navigate = useNavigate();
  const { name, title, email, kind, groups, roles, workloads } = user;
  return (
    <>
      {user.kind !== 'service_account' && !user.suspended && <SignInLink user={name} />}
      <FormDialog label="Edit" title={`Edit ${name}`} minor>
        {(close) => <UserForm user={{ name, title, email, kind, groups, roles, workloads }} of={user} fresh={false} done={close} />}
      </FormDialog>
      <RevokeButton user={user} />
      <SuspendButton user={user} />
      <RemoveButton what={name} name={name} remove={useRemoveUser()} then={() => void navigate({ to: '/users' })}>
        Their sessions are cut, and all that they hold is gone for good. What they did stays in the record, and a signed
        receipt says what was cut.
      </RemoveButton>
    </>
  );
}
