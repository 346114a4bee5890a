import { useLocalStorage } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { users } from '../../../api/users';
import { quote } from '../../../query/terms';
import { validateAuditSearch } from '../search';
import { readSaved, type SavedSearch, STARTING_POINTS, writesBy } from './links';

// useSaved are the searches that this browser keeps, the same in all of its windows.
export const useSaved = () =>
  useLocalStorage<SavedSearch[]>({
    key: 'sallyport.audit.searches',
    defaultValue: [],
    getInitialValueInEffect: false,
    deserialize: (text) => readSaved(text, validateAuditSearch),
  });

// useStartingPoints are the searches to begin with. Which accounts are services, the server is asked for.
export function useStartingPoints(): SavedSearch[] {
  const all = useQuery({ ...users, staleTime: 60_000 }).data?.items ?? [];
  const writes = writesBy(all.filter((user) => user.kind === 'service_account').map((user) => user.name), quote);
  return writes ? [...STARTING_POINTS, writes] : STARTING_POINTS;
}
