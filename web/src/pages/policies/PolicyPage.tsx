import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useMayChange } from '../../api/me';
import { policy } from '../../api/policies';
import type { Policy } from '../../api/types';
import { Loaded, ObjectPage } from '../../components/ObjectPage';
import { PolicyForm } from './PolicyForm';

export function PolicyPage() {
  const { name } = useParams({ from: '/app/policies/$name' });
  return (
    <ObjectPage title={name} up={<Link to="/policies">Policies</Link>}>
      <Loaded query={useQuery(policy(name))} what="This policy">
        {(shown) => <Shown policy={shown} />}
      </Loaded>
    </ObjectPage>
  );
}

function Shown({ policy }: { policy: Policy }) {
  return (
    <>
      <p>{policy.disabled ? <span className="soft">Disabled: it has no effect.</span> : <span className="good">In effect.</span>}</p>
      {useMayChange() ? (
        <PolicyForm key={JSON.stringify(policy)} policy={policy} fresh={false} saved={() => undefined} />
      ) : (
        <pre className="mono">{policy.text}</pre>
      )}
    </>
  );
}
