import { Link } from '@tanstack/react-router';
import { Notice } from './Notice';

export function NotFound() {
  return (
    <Notice title="There is no such page">
      <Link to="/audit">Go to the audit page</Link>
    </Notice>
  );
}
