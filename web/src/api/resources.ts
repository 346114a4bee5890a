import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { request } from './http';
import { listOf, type Noun, useRemove, useSave } from './noun';
import type { HostKey, Resource } from './types';

const noun: Noun = { path: '/resources', key: 'resources' };

export const resources = listOf<Resource>(noun);
export const useSaveResource = () => useSave<Resource>(noun);
export const useRemoveResource = () => useRemove(noun);

const keysPath = (resource: string) => `/resources/${encodeURIComponent(resource)}/host-keys`;

// hostKeys are the keys by which an SSH server is known.
export const hostKeys = (resource: string) =>
  queryOptions({
    queryKey: [noun.key, resource, 'host-keys'] as const,
    queryFn: ({ signal }) => request<{ items: HostKey[] }>('GET', keysPath(resource), { signal }),
    retry: false,
  });

export function useForgetHostKey(resource: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (fingerprint: string) => request<void>('DELETE', `${keysPath(resource)}/${encodeURIComponent(fingerprint)}`),
    onSuccess: () => client.invalidateQueries({ queryKey: [noun.key] }),
  });
}
