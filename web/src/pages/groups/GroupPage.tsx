import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { membership, useRemoveGroup } from '../../api/groups';
import { useMayChange } from '../../api/me';
import { Loaded, ObjectPage } from '../../components/ObjectPage';
import { RemoveButton } from '../../components/RemoveButton';

// GroupPage is who is in a group, and what it gives them.
export function GroupPage() {
  const { name } = useParams({ from: '/app/groups/$name' });
  const query = useQuery(membership(name));
  const mayChange = useMayChange();
  return (
    <ObjectPage title={name} up={<Link to="/groups">Groups</Link>} tools={mayChange && query.data?.known && <Remove name={name} />}>
      <Loaded query={query} what="This group">
        {({ members, roles, known }) => (
          <>
            {!known && <p className="soft">Only users and roles name it; it is not among the groups that are kept here.</p>}
            <h2 style={{ fontSize: 14 }}>Members</h2>
            {members.length === 0 ? (
              <p className="soft">Nobody. Users are in the groups that they themselves name, or their identity provider.</p>
            ) : (
              <ul>
                {members.map((member) => (
                  <li key={member}>
                    <Link to="/users/$name" params={{ name: member }}>
                      {member}
                    </Link>
                  </li>
                ))}
              </ul>
            )}
            <h2 style={{ fontSize: 14 }}>Roles that it gives</h2>
            {roles.length === 0 ? (
              <p className="soft">None.</p>
            ) : (
              <ul>
                {roles.map((role) => (
                  <li key={role}>
                    <Link to="/roles/$name" params={{ name: role }}>
                      {role}
                    </Link>
                  </li>
                ))}
              </ul>
            )}
          </>
        )}
      </Loaded>
    </ObjectPage>
  );
}

function Remove({ name }: { name: string }) {
  const navigate = useNavigate();
  return (
    <RemoveButton what={`the group ${name}`} name={name} remove={useRemoveGroup()} then={() => void navigate({ to: '/groups' })}>
      It is no longer listed. Users and roles that name it have to be changed by themselves.
    </RemoveButton>
  );
}
