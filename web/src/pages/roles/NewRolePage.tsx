import { Link, useNavigate } from '@tanstack/react-router';
import { ObjectPage } from '../../components/ObjectPage';
import { RoleForm } from './RoleForm';

export function NewRolePage() {
  const navigate = useNavigate();
  return (
    <ObjectPage title="A new role" up={<Link to="/roles">Roles</Link>}>
      <RoleForm
        role={{ name: '', accounts: [] }}
        fresh
        saved={({ name }) => void navigate({ to: '/roles/$name', params: { name } })}
        cancel={() => void navigate({ to: '/roles' })}
      />
    </ObjectPage>
  );
}
