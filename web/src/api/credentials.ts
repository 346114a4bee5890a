import { queryOptions } from '@tanstack/react-query';
import { requestAll } from './http';
import type { Credential } from './types';

export const credentials = queryOptions({
  queryKey: ['credentials'] as const,
  queryFn: ({ signal }) => requestAll<Credential>('/credentials', signal),
});
