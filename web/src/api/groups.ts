import { queryOptions } from '@tanstack/react-query';
import { request } from './http';
import { listOf, type Noun, useRemove, useSave } from './noun';
import type { Group, Membership } from './types';

const noun: Noun = { path: '/groups', key: 'groups' };

export const groups = listOf<Group>(noun);
export const useSaveGroup = () => useSave<Pick<Group, 'name'>>(noun);
export const useRemoveGroup = () => useRemove(noun);

// membership is who is in the group and what it gives.
export const membership = (name: string) =>
  queryOptions({
    queryKey: ['groups', name, 'members'] as const,
    queryFn: ({ signal }) => request<Membership>('GET', `/groups/${encodeURIComponent(name)}/members`, { signal }),
  });
