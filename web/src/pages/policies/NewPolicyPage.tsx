import { Link, useNavigate } from '@tanstack/react-router';
import { ObjectPage } from '../../components/ObjectPage';
import { PolicyForm } from './PolicyForm';

export function NewPolicyPage() {
  const navigate = useNavigate();
  return (
    <ObjectPage title="A new policy" up={<Link to="/policies">Policies</Link>}>
      <PolicyForm
        policy={{ name: '', text: '' }}
        fresh
        saved={({ name }) => void navigate({ to: '/policies/$name', params: { name } })}
        cancel={() => void navigate({ to: '/policies' })}
      />
    </ObjectPage>
  );
}
