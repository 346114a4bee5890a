import { Loader } from '@mantine/core';
import { useLocation, useNavigate, useRouter, useSearch } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';
import { useSignIn } from '../../api/me';
import { Mark } from '../../components/Mark';
import { Command } from '../../components/Notice';
import { SchemeButton } from '../../components/Shell';
import classes from './SignInPage.module.css';

// SignInPage redeems a sign-in link, /sign-in#TOKEN. The token stands in the fragment, which browsers send to nobody,
// and leaves the address bar before it is used.
export function SignInPage() {
  const token = useLocation({ select: (location) => location.hash });
  const { to } = useSearch({ from: '/sign-in' });
  const navigate = useNavigate();
  const router = useRouter();
  const redeemed = useRef('');
  const { mutate, isPending, error } = useSignIn();

  useEffect(() => {
    document.title = 'Sign in · Sallyport';
  }, []);

  useEffect(() => {
    if (!token || redeemed.current === token) return;
    redeemed.current = token;
    void navigate({ to: '/sign-in', search: { to }, hash: '', replace: true });
    mutate(token, { onSuccess: () => router.history.replace(to ?? '/audit') });
  }, [token, to, mutate, navigate, router]);

  return (
    <main className={classes.page}>
      <div className={classes.corner}>
        <SchemeButton />
      </div>
      <h1 className={classes.brand}>
        <Mark size={26} />
        Sallyport
      </h1>
      {isPending ? (
        <p role="status">
          <Loader size={14} mr={8} />
          Signing in…
        </p>
      ) : (
        <>
          {error && (
            <p role="alert" className="bad">
              {error.message}
            </p>
          )}
          <p>
            You sign in with a link that works once. The first admin's is printed by <code className="mono">sally server</code>{' '}
            when it starts. A new one, on the machine where the server runs:
          </p>
          <Command>sally admin sign-in-link admin</Command>
          <p className="soft">No such access there? Ask whoever runs Sallyport for a link.</p>
        </>
      )}
    </main>
  );
}
