import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { request, requestAll, revisionOf } from './http';

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
    structuralSharing: false, // an object's revision is known by the object as it was read
  });

export const oneOf = <T>(noun: Noun, name: string) =>
  queryOptions({
    queryKey: [noun.key, name] as const,
    queryFn: ({ signal }) => request<T>('GET', objectPath(noun, name), { signal }),
    structuralSharing: false,
  });

export interface Saved<T> {
  object: T;
  // fresh demands that there is none of the name yet.
  fresh: boolean;
  // before is the object as it was read, of which this one was made: if it is another by now, nothing is saved.
  before?: object;
}

// useSave creates or replaces an object. What one object is changes what others show, so all that is shown is read again.
export function useSave<T extends { name: string }>(noun: Noun) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ object, fresh, before }: Saved<T>) =>
      fresh
        ? request<T>('POST', noun.path, { body: object })
        : request<T>('PUT', objectPath(noun, object.name), { body: object, match: before && revisionOf(before) }),
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
