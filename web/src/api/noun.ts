import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { request, requestAll } from './http';

// Noun is what the API offers for a kind of object that admins keep by name.
export interface Noun {
  // path is below the API's root, such as '/roles'.
  path: string;
  // key begins the keys of all queries about it.
  key: string;
}

const objectPath = ({ path }: Noun, name: string) => `${path}/${encodeURIComponent(name)}`;

export const listOf = <T>(noun: Noun) =>
  queryOptions({
    queryKey: [noun.key] as const,
    queryFn: ({ signal }) => requestAll<T>(noun.path, signal),
  });

export const oneOf = <T>(noun: Noun, name: string) =>
  queryOptions({
    queryKey: [noun.key, name] as const,
    queryFn: ({ signal }) => request<T>('GET', objectPath(noun, name), { signal }),
  });

export interface Saved<T> {
  object: T;
  // fresh demands that there is none of the name yet.
  fresh: boolean;
}

// useSave creates or replaces an object. What one object is changes what others show, so all that is shown is read again.
export function useSave<T extends { name: string }>(noun: Noun) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ object, fresh }: Saved<T>) =>
      fresh
        ? request<T>('POST', noun.path, { body: object })
        : request<T>('PUT', objectPath(noun, object.name), { body: object }),
    onSuccess: () => client.invalidateQueries(),
  });
}

// useRemove removes an object. All of its kind is read again but what is about itself, which is no more.
export function useRemove(noun: Noun) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => request<void>('DELETE', objectPath(noun, name)),
    onSuccess: (_, name) =>
      client.invalidateQueries({ queryKey: [noun.key], predicate: ({ queryKey }) => queryKey[1] !== name }),
  });
}
