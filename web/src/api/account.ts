import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { createPasskey } from '../passkeys/passkeys';
import { request, requestAll } from './http';
import type { HeldRole, Passkey, SignedInAt, SSHKey, Token } from './types';

export const myRoles = queryOptions({
  queryKey: ['me', 'roles'] as const,
  queryFn: ({ signal }) => requestAll<HeldRole>('/me/roles', signal),
});

export const myPasskeys = queryOptions({
  queryKey: ['me', 'passkeys'] as const,
  queryFn: ({ signal }) => requestAll<Passkey>('/me/passkeys', signal),
});

// mySignIns are the browsers and terminals where I am signed in.
export const mySignIns = queryOptions({
  queryKey: ['me', 'sign-ins'] as const,
  queryFn: ({ signal }) => requestAll<SignedInAt>('/me/sessions', signal),
});

export const myTokens = queryOptions({
  queryKey: ['me', 'tokens'] as const,
  queryFn: ({ signal }) => requestAll<Token>('/me/tokens', signal),
});

export const mySSHKeys = queryOptions({
  queryKey: ['me', 'ssh-keys'] as const,
  queryFn: ({ signal }) => requestAll<SSHKey>('/me/ssh-keys', signal),
});

export function useAddSSHKey() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (key: { public: string; name: string }) => request<SSHKey>('POST', '/me/ssh-keys', { body: key }),
    onSuccess: () => client.invalidateQueries({ queryKey: mySSHKeys.queryKey }),
  });
}

export function useRemoveSSHKey() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (fingerprint: string) => request<void>('DELETE', `/me/ssh-keys/${encodeURIComponent(fingerprint)}`),
    onSettled: () => client.invalidateQueries({ queryKey: mySSHKeys.queryKey }),
  });
}

export function useAddPasskey() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async (label: string) => {
      const { options } = await request<{ options: Record<string, unknown> }>('POST', '/me/passkeys/challenge');
      return request<Passkey>('POST', '/me/passkeys', { body: { label, credential: await createPasskey(options) } });
    },
    onSuccess: () => client.invalidateQueries({ queryKey: myPasskeys.queryKey }),
  });
}

const passkeyPath = (id: string) => `/me/passkeys/${encodeURIComponent(id)}`;

export function useRenamePasskey() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, label }: { id: string; label: string }) => request<Passkey>('PUT', passkeyPath(id), { body: { label } }),
    onSettled: () => client.invalidateQueries({ queryKey: myPasskeys.queryKey }),
  });
}

export function useRemovePasskey() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => request<void>('DELETE', passkeyPath(id)),
    onSettled: () => client.invalidateQueries({ queryKey: ['me'] }),
  });
}

export function useEndSignIn() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => request<void>('DELETE', `/me/sessions/${encodeURIComponent(id)}`),
    onSettled: () => client.invalidateQueries({ queryKey: mySignIns.queryKey }),
  });
}

export function useRevokeMyToken() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => request<void>('DELETE', `/me/tokens/${encodeURIComponent(id)}`),
    onSettled: () => client.invalidateQueries({ queryKey: myTokens.queryKey }),
  });
}
