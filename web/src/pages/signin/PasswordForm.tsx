import { Button, PasswordInput, Stack, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { usePasswordSignIn } from '../../api/signin';
import { Wrong } from './Frame';
import classes from './SignInPage.module.css';

// PasswordForm is for break-glass accounts.
export function PasswordForm({ done }: { done: () => void }) {
  const [user, setUser] = useState('');
  const [password, setPassword] = useState('');
  const signIn = usePasswordSignIn();
  const submit = (e: FormEvent) => {
    e.preventDefault();
    signIn.mutate({ user: user.trim(), password }, { onSuccess: done, onError: () => setPassword('') });
  };
  return (
    <section className={classes.part} aria-labelledby="break-glass">
      <h2 id="break-glass" className={classes.heading}>
        Break-glass account
      </h2>
      <p className="soft">For when nothing else works. Every attempt is on the record.</p>
      <form onSubmit={submit}>
        <Stack gap="xs">
          <TextInput
            label="Name"
            autoComplete="username"
            required
            value={user}
            onChange={(e) => setUser(e.currentTarget.value)}
          />
          <PasswordInput
            label="Password"
            size="xs"
            autoComplete="current-password"
            required
            value={password}
            onChange={(e) => setPassword(e.currentTarget.value)}
          />
          <Wrong>{signIn.error?.message}</Wrong>
          <Button type="submit" variant="default" loading={signIn.isPending}>
            Sign in by password
          </Button>
        </Stack>
      </form>
    </section>
  );
}
