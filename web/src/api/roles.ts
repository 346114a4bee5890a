import { queryOptions } from '@tanstack/react-query';
import { requestAll } from './http';
import { listOf, type Noun, oneOf, useRemove, useSave } from './noun';
import type { Holder, Role } from './types';

const noun: Noun = { path: '/roles', key: 'roles' };

export const roles = listOf<Role>(noun);
export const role = (name: string) => oneOf<Role>(noun, name);
export const useSaveRole = () => useSave<Role>(noun);
export const useRemoveRole = () => useRemove(noun);

// holders are those who hold the role now, and why.
export const holders = (name: string) =>
  queryOptions({
    queryKey: ['roles', name, 'holders'] as const,
    queryFn: ({ signal }) => requestAll<Holder>(`/roles/${encodeURIComponent(name)}/holders`, signal),
  });
