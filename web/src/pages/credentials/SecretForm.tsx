import { PasswordInput, Textarea, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useSetSecret } from '../../api/credentials';
import { Form } from '../../components/Form';

const EMPTY = { username: '', password: '', certificate: '', key: '' };

// SecretForm sets a sealed credential's value anew. Nobody can read it back, this page neither.
export function SecretForm({ name, done }: { name: string; done: () => void }) {
  const set = useSetSecret();
  const [secret, setSecret] = useState(EMPTY);
  const change = (part: Partial<typeof EMPTY>) => setSecret((before) => ({ ...before, ...part }));
  const given = Object.fromEntries(Object.entries(secret).filter(([, value]) => value !== ''));
  return (
    <Form
      fields={['username', 'password', 'certificate', 'key']}
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
            label="Certificate" description="PEM" size="xs" autosize minRows={2} maxRows={6} value={secret.certificate} error={at('certificate')}
            onChange={(e) => change({ certificate: e.currentTarget.value })}
          />
          <Textarea
            label="Key" description="PEM" size="xs" autosize minRows={2} maxRows={6} autoComplete="off" value={secret.key} error={at('key')}
            onChange={(e) => change({ key: e.currentTarget.value })}
          />
        </>
      )}
    </Form>
  );
}
