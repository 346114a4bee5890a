import { queryOptions } from '@tanstack/react-query';
import { request } from './http';
import type { ExplainInput, Explanation } from './types';

// explanation says who could do what, and which rule decides. Asking does and records nothing.
export const explanation = (asked: ExplainInput) =>
  queryOptions({
    queryKey: ['explain', asked] as const,
    queryFn: ({ signal }) => request<Explanation>('POST', '/access/explain', { body: asked, signal }),
    retry: false,
  });
