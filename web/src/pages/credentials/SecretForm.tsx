import { PasswordInput, Textarea, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useSetSecret } from '../../api/credentials';
import { Form } from '../../components/Form';

const EMPTY = { username: '', password: '', certificate: '', key: '', passphrase: '' };

// SecretForm sets a sealed credential's value anew. Nobody can read it back, this page neither.
export function SecretForm({ name, done }: { name: string; done: () => void }) {
  const set = useSetSecret();
  const [secret, setSecret] = useState(EMPTY);
  const change = (part: Partial<typeof EMPTY>) => setSecret((before) => ({ ...before, ...part }));
  const given = Object.fromEntries(Object.entries(secret).filter(([, value]) => value !== ''));
  return (
    <Form
      fields={['username', 'password', 'certificate', 'key', 'passphrase']}
      error={set.error}
      pending={set.isPending}
      submit="Set the value"
      onSubmit={() => set.mutate({ name, secret: given }, { onSuccess: done })}
      disabled={Object.keys(given).length === 0}
      cancel={done}
    >
      {(at) => (
        <>
          <p className="soft" style={{ margin: 0 }}>
            It takes the place of the present value, whole. It is never shown again.
          </p>
          <TextInput
            label="Login" description="If it is not the credential's" autoComplete="off" value={secret.username} error={at('username')}
            onChange={(e) => change({ username: e.currentTarget.value })}
          />
          <PasswordInput
            label="Password" size="xs" data-autofocus autoComplete="new-password" value={secret.password} error={at('password')}
            visibilityToggleButtonProps={{ 'aria-label': 'Show what is typed' }} onChange={(e) => change({ password: e.currentTarget.value })}
          />
          <Textarea
            label="Certificate" description="PEM, or an SSH certificate" size="xs" autosize minRows={2} maxRows={6} value={secret.certificate} error={at('certificate')}
            onChange={(e) => change({ certificate: e.currentTarget.value })}
          />
          <Textarea
            label="Key" description="PEM, or a private SSH key" size="xs" autosize minRows={2} maxRows={6} autoComplete="off" value={secret.key} error={at('key')}
            onChange={(e) => change({ key: e.currentTarget.value })}
          />
          <PasswordInput
            label="Passphrase of the SSH key" description="If it has one; the key is kept without it" size="xs" autoComplete="off" value={secret.passphrase}
            error={at('passphrase')} visibilityToggleButtonProps={{ 'aria-label': 'Show the passphrase' }}
            onChange={(e) => change({ passphrase: e.currentTarget.value })}
          />
        </>
      )}
    </Form>
  );
}
