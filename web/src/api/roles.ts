import { queryOptions } from '@tanstack/react-query';
import { requestAll } from './http';
import type { Role } from './types';

export const roles = queryOptions({
  queryKey: ['roles'] as const,
  queryFn: ({ signal }) => requestAll<Role>('/roles', signal),
});
