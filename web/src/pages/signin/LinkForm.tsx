import { Button, Group, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { useSignIn } from '../../api/me';
import { Command } from '../../components/Notice';
import { linkSecret } from './arrival';
import { Wrong } from './Frame';
import classes from './SignInPage.module.css';

// LinkForm takes a one-time link that was not opened but copied.
export function LinkForm({ done, divided }: { done: () => void; divided: boolean }) {
  const [link, setLink] = useState('');
  const signIn = useSignIn();
  const submit = (e: FormEvent) => {
    e.preventDefault();
    signIn.mutate(linkSecret(link), { onSuccess: done });
  };
  return (
    <section className={divided ? classes.part : undefined} aria-label="With a link">
      <p>
        You can sign in with a link that works once. The first admin's is printed by <code className="mono">sally server</code>{' '}
        when it starts. A new one, on the machine where the server runs:
      </p>
      <Command>sally admin sign-in-link admin</Command>
      <p className="soft">No such access there? Ask whoever runs Sallyport for a link.</p>
      <form onSubmit={submit}>
        <Group gap="xs" align="flex-end">
          <TextInput
            label="Link"
            placeholder="https://…/sign-in#…"
            type="password"
            autoComplete="off"
            required
            style={{ flex: 1 }}
            value={link}
            onChange={(e) => setLink(e.currentTarget.value)}
          />
          <Button type="submit" variant="default" loading={signIn.isPending}>
            Use the link
          </Button>
        </Group>
      </form>
      <Wrong>{signIn.error?.message}</Wrong>
    </section>
  );
}
