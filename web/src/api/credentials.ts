import { useMutation } from '@tanstack/react-query';
import { request } from './http';
import { listOf, type Noun, useRemove, useSave } from './noun';
import type { Credential, SecretInput } from './types';

const noun: Noun = { path: '/credentials', key: 'credentials' };

export const credentials = listOf<Credential>(noun);
export const useSaveCredential = () => useSave<Credential>(noun);
export const useRemoveCredential = () => useRemove(noun);

export interface NewSecret {
  name: string;
  secret: SecretInput;
}

// useSetSecret gives a sealed credential its value, which nothing reads back.
export function useSetSecret() {
  return useMutation({
    mutationFn: ({ name, secret }: NewSecret) =>
      request<void>('PUT', `/credentials/${encodeURIComponent(name)}/secret`, { body: secret }),
    gcTime: 0, // its variables hold the value
  });
}
