import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { answerWithPasskey } from '../passkeys/passkeys';
import { API, request } from './http';
import { me } from './me';
import type { Me, SignInMethods, SSHSignIn } from './types';

export const signInMethods = queryOptions({
  queryKey: ['sign-in', 'methods'] as const,
  queryFn: ({ signal }) => request<SignInMethods>('GET', '/sign-in/methods', { signal }),
});

// providerHref is where the browser goes to sign in at the identity provider; it comes back to returnTo.
export const providerHref = (path: string, returnTo: string): string =>
  `${path.startsWith(API) ? path : API + path}?return_to=${encodeURIComponent(returnTo)}`;

interface Challenge {
  options: Record<string, unknown>;
}

export function usePasskeySignIn() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async () => {
      const { options } = await request<Challenge>('POST', '/sign-in/passkey/challenge');
      return request<Me>('POST', '/sign-in/passkey', { body: { credential: await answerWithPasskey(options) } });
    },
    onSuccess: () => client.clear(),
  });
}

export function usePasswordSignIn() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (proof: { user: string; password: string }) => request<Me>('POST', '/sign-in/password', { body: proof }),
    onSuccess: () => client.clear(),
  });
}

// stepUp proves the signed-in person with a passkey once more.
async function stepUp(): Promise<Me> {
  const { options } = await request<Challenge>('POST', '/me/step-up/challenge');
  return request<Me>('POST', '/me/step-up', { body: { credential: await answerWithPasskey(options) } });
}

export function useStepUp() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: stepUp,
    onSuccess: () => client.invalidateQueries({ queryKey: me.queryKey }),
  });
}

// Terminal is what a terminal that wants to be signed in says of itself.
export interface Terminal {
  challenge: string;
  port: number;
  state: string;
  name: string;
}

export const terminalLook = (terminal: Terminal) =>
  queryOptions({
    queryKey: ['sign-in', 'terminal', terminal] as const,
    queryFn: ({ signal }) =>
      request<{ code: string; name: string; user: string }>('POST', '/sign-in/client/look', { body: terminal, signal }),
    retry: false,
    staleTime: Infinity,
  });

export function useApproveTerminal() {
  return useMutation({
    // The terminal's sign-in carries on whether, and when, a passkey was used.
    mutationFn: async ({ terminal, withPasskey }: { terminal: Terminal; withPasskey: boolean }) => {
      if (withPasskey) await stepUp();
      return request<{ redirect: string }>('POST', '/sign-in/client/approve', { body: terminal });
    },
  });
}

// sshLook tells what a sign-in by SSH is, to whom it is for.
export const sshLook = (secret: string) =>
  queryOptions({
    queryKey: ['sign-in', 'ssh', secret] as const,
    queryFn: ({ signal }) => request<SSHSignIn>('POST', '/sign-in/ssh/look', { body: { secret }, signal }),
    retry: false,
    staleTime: Infinity,
  });

// useApproveSSH takes the code that the terminal shows, where the page does not know it.
export function useApproveSSH(secret: string) {
  return useMutation({
    mutationFn: (code: string | undefined) => request<SSHSignIn>('POST', '/sign-in/ssh/approve', { body: { secret, code } }),
  });
}

export function useRefuseSSH(secret: string) {
  return useMutation({ mutationFn: () => request<void>('POST', '/sign-in/ssh/refuse', { body: { secret } }) });
}
