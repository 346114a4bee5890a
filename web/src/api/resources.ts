import { queryOptions } from '@tanstack/react-query';
import { requestAll } from './http';
import type { Resource } from './types';

export const resources = queryOptions({
  queryKey: ['resources'] as const,
  queryFn: ({ signal }) => requestAll<Resource>('/resources', signal),
});
