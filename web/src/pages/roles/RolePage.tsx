import { Badge, Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { useMayChange } from '../../api/me';
import { holders, role, useRemoveRole } from '../../api/roles';
import type { Holder, Role } from '../../api/types';
import { Facts, Loaded, ObjectPage } from '../../components/ObjectPage';
import { RemoveButton } from '../../components/RemoveButton';
import { Section } from '../account/Section';
import { RoleForm } from './RoleForm';
import { terms } from './terms';

export function RolePage() {
  const { name } = useParams({ from: '/app/roles/$name' });
  return (
    <ObjectPage title={name} up={<Link to="/roles">Roles</Link>} tools={useMayChange() && <Remove name={name} />}>
      <Loaded query={useQuery(role(name))} what="This role">
        {(shown) => (
          <>
            <Summary role={shown} />
            <Holders name={name} />
            <Edit role={shown} />
          </>
        )}
      </Loaded>
    </ObjectPage>
  );
}

function Summary({ role }: { role: Role }) {
  const rule = role.request;
  const asked = rule && `${rule.approvals ? `${rule.approvals} of ${(rule.approvers ?? []).join(', ')} to approve` : 'a reason is enough'}, for ${rule.max || '8h'} at most`;
  const facts = [...terms(role), ...(asked ? [['On request', asked] as [string, string]] : [])];
  return facts.length > 0 ? <Facts facts={facts} /> : <p className="soft">It opens nothing by itself.</p>;
}

function Holders({ name }: { name: string }) {
  return (
    <Section
      title="Who holds it"
      query={useQuery(holders(name))}
      columns={['User', 'Why', 'State']}
      empty="Nobody."
      row={(held) => (
        <Table.Tr key={held.user}>
          <Table.Td>
            <Link to="/users/$name" params={{ name: held.user }}>
              {held.user}
            </Link>
          </Table.Td>
          <Table.Td>{whyHeld(held)}</Table.Td>
          <Table.Td>{held.suspended ? <Badge color="red.9" variant="filled">suspended</Badge> : <span className="good">active</span>}</Table.Td>
        </Table.Tr>
      )}
    />
  );
}

const whyHeld = ({ by_name, groups, grants }: Holder): string =>
  [...(by_name ? ['by name'] : []), ...(groups ?? []).map((group) => `by the group ${group}`), ...(grants ?? []).map(() => 'by a grant')].join('; ');

// Edit begins anew with what was saved last.
function Edit({ role }: { role: Role }) {
  if (!useMayChange()) return null;
  return (
    <section aria-label="Edit">
      <h2 style={{ fontSize: 14, margin: '26px 0 8px' }}>Edit</h2>
      <RoleForm key={JSON.stringify(role)} role={role} fresh={false} saved={() => undefined} />
    </section>
  );
}

function Remove({ name }: { name: string }) {
  const navigate = useNavigate();
  return (
    <RemoveButton what={`the role ${name}`} name={name} remove={useRemoveRole()} then={() => void navigate({ to: '/roles' })}>
      Sessions that it alone let in are cut. A role that somebody holds by name cannot be removed.
    </RemoveButton>
  );
}
