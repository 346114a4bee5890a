// Passkeys in the browser: WebAuthn's JSON from the server becomes what navigator.credentials takes, and its answer
// becomes JSON again.

type Json = Record<string, unknown>;

// fromBase64url decodes base64url without padding, as WebAuthn's JSON has it.
export function fromBase64url(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(binary, (c) => c.charCodeAt(0));
}

export function toBase64url(bytes: ArrayBuffer | null | undefined): string | undefined {
  if (!bytes) return undefined;
  const binary = Array.from(new Uint8Array(bytes), (b) => String.fromCharCode(b)).join('');
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

export const passkeysSupported = (): boolean => typeof window.PublicKeyCredential === 'function';

// createPasskey asks the authenticator for a new passkey. It throws an Error whose message a person may read.
export async function createPasskey(options: Json): Promise<Json> {
  const user = options.user as Json;
  const publicKey = {
    ...options,
    challenge: fromBase64url(options.challenge as string),
    user: { ...user, id: fromBase64url(user.id as string) },
    excludeCredentials: descriptors(options.excludeCredentials),
  } as unknown as PublicKeyCredentialCreationOptions;
  const made = (await asked(() => navigator.credentials.create({ publicKey }))) as PublicKeyCredential;
  const response = made.response as AuthenticatorAttestationResponse;
  return {
    ...about(made),
    response: {
      clientDataJSON: toBase64url(response.clientDataJSON),
      attestationObject: toBase64url(response.attestationObject),
      transports: response.getTransports(),
    },
  };
}

// answerWithPasskey answers a challenge with a passkey. It throws as createPasskey does.
export async function answerWithPasskey(options: Json): Promise<Json> {
  const publicKey = {
    ...options,
    challenge: fromBase64url(options.challenge as string),
    allowCredentials: descriptors(options.allowCredentials),
  } as unknown as PublicKeyCredentialRequestOptions;
  const used = (await asked(() => navigator.credentials.get({ publicKey }))) as PublicKeyCredential;
  const response = used.response as AuthenticatorAssertionResponse;
  return {
    ...about(used),
    response: {
      clientDataJSON: toBase64url(response.clientDataJSON),
      authenticatorData: toBase64url(response.authenticatorData),
      signature: toBase64url(response.signature),
      userHandle: toBase64url(response.userHandle),
    },
  };
}

const descriptors = (list: unknown) =>
  ((list ?? []) as Json[]).map((d) => ({ ...d, id: fromBase64url(d.id as string) }));

const about = (credential: PublicKeyCredential) => ({
  id: credential.id,
  rawId: toBase64url(credential.rawId),
  type: credential.type,
  authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
  clientExtensionResults: credential.getClientExtensionResults(),
});

async function asked(ask: () => Promise<Credential | null>): Promise<Credential> {
  if (!passkeysSupported()) throw new Error('This browser has no passkeys here. They need https, or localhost.');
  let credential: Credential | null;
  try {
    credential = await ask();
  } catch (error) {
    throw new Error(sentenceOf(error), { cause: error });
  }
  if (!credential) throw new Error(cancelled);
  return credential;
}

const cancelled = 'No passkey was used: you cancelled, or it took too long. Try again.';

// sentenceOf says in words what the browser says by an error's name (WebAuthn, section 5.1).
export function sentenceOf(error: unknown): string {
  switch (error instanceof Error ? error.name : '') {
    case 'InvalidStateError':
      return 'This device has a passkey of yours for this server already.';
    case 'SecurityError':
      return 'Passkeys do not work at this address: it is not the one that this server knows as its own.';
    case 'NotSupportedError':
    case 'ConstraintError':
      return 'This device cannot keep a passkey that asks for a fingerprint, a face or a PIN.';
    default:
      return cancelled;
  }
}
