import { useLocation, useNavigate, useRouter, useSearch } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';
import { useSignIn } from '../../api/me';
import { reasonOf } from './arrival';
import { Busy, Frame, Wrong } from './Frame';
import { Ways } from './Ways';

// SignInPage redeems a sign-in link, /sign-in#TOKEN, and else offers the ways to sign in. The token stands in the
// fragment, which browsers send to nobody, and leaves the address bar before it is used.
export function SignInPage() {
  const token = useLocation({ select: (location) => location.hash });
  const { return_to, error: failed } = useSearch({ from: '/sign-in' });
  const navigate = useNavigate();
  const router = useRouter();
  const redeemed = useRef('');
  const { mutate, isPending, error } = useSignIn();
  const done = () => router.history.replace(return_to ?? '/');

  useEffect(() => {
    if (!token || redeemed.current === token) return;
    redeemed.current = token;
    void navigate({ to: '/sign-in', search: { return_to }, hash: '', replace: true });
    mutate(token, { onSuccess: () => router.history.replace(return_to ?? '/') });
  }, [token, return_to, mutate, navigate, router]);

  return (
    <Frame title="Sign in">
      {isPending ? (
        <Busy>Signing in…</Busy>
      ) : (
        <>
          <Wrong>{error?.message ?? (failed ? reasonOf(failed) : undefined)}</Wrong>
          <Ways returnTo={return_to ?? '/'} done={done} />
        </>
      )}
    </Frame>
  );
}
