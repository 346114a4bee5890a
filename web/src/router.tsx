import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query';
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  Outlet,
  redirect,
  type RouterHistory,
} from '@tanstack/react-router';
import { Problem } from './api/http';
import { me } from './api/me';
import { NotFound } from './components/NotFound';
import { Shell } from './components/Shell';
import { AccountPage } from './pages/account/AccountPage';
import { AuditPage } from './pages/audit/AuditPage';
import { validateAuditSearch } from './pages/audit/search';
import { CredentialsPage } from './pages/credentials/CredentialsPage';
import { RequestPage } from './pages/requests/RequestPage';
import { ResourcesPage } from './pages/resources/ResourcesPage';
import { RolesPage } from './pages/roles/RolesPage';
import { SessionsPage } from './pages/sessions/SessionsPage';
import { validateSignInSearch } from './pages/signin/arrival';
import { SignInPage } from './pages/signin/SignInPage';
import { TerminalPage } from './pages/signin/TerminalPage';
import { TokensPage } from './pages/tokens/TokensPage';
import { UsersPage } from './pages/users/UsersPage';

interface Context {
  queryClient: QueryClient;
}

const rootRoute = createRootRouteWithContext<Context>()({ component: Outlet, notFoundComponent: NotFound });

const signInRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/sign-in',
  validateSearch: validateSignInSearch,
  component: SignInPage,
});

const terminalRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/sign-in/terminal',
  beforeLoad: ({ context, location }) => requirePerson(context, location.href),
  component: TerminalPage,
});

// requirePerson leads those who are not signed in to the sign-in page, and back afterwards.
async function requirePerson({ queryClient }: Context, href: string) {
  try {
    await queryClient.ensureQueryData(me);
  } catch (error) {
    if (error instanceof Problem && error.status === 401) {
      throw redirect({ to: '/sign-in', search: { return_to: href } });
    }
    // The page shows what is wrong, and can try again.
  }
}

// All pages but sign-in stand below this one, so that nobody sees them who is not signed in.
const appRoute = createRoute({
  getParentRoute: () => rootRoute,
  id: 'app',
  beforeLoad: ({ context, location }) => requirePerson(context, location.href),
  component: Shell,
});

const indexRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/audit' });
  },
});

const auditRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/audit',
  validateSearch: validateAuditSearch,
  component: AuditPage,
});

const usersRoute = createRoute({ getParentRoute: () => appRoute, path: '/users', component: UsersPage });
const rolesRoute = createRoute({ getParentRoute: () => appRoute, path: '/roles', component: RolesPage });
const resourcesRoute = createRoute({ getParentRoute: () => appRoute, path: '/resources', component: ResourcesPage });
const sessionsRoute = createRoute({ getParentRoute: () => appRoute, path: '/sessions', component: SessionsPage });
const tokensRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/tokens',
  validateSearch: (search: Record<string, unknown>): { user?: string } =>
    typeof search.user === 'string' && search.user !== '' ? { user: search.user } : {},
  component: TokensPage,
});
const accountRoute = createRoute({ getParentRoute: () => appRoute, path: '/account', component: AccountPage });
const requestRoute = createRoute({ getParentRoute: () => appRoute, path: '/requests/$id', component: RequestPage });
const credentialsRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/credentials',
  component: CredentialsPage,
});

const routeTree = rootRoute.addChildren([
  signInRoute,
  terminalRoute,
  appRoute.addChildren([
    indexRoute,
    auditRoute,
    usersRoute,
    rolesRoute,
    resourcesRoute,
    sessionsRoute,
    credentialsRoute,
    tokensRoute,
    accountRoute,
    requestRoute,
  ]),
]);

export function createApp(history?: RouterHistory) {
  const queryClient = new QueryClient({
    defaultOptions: { queries: { retry: 1, refetchOnWindowFocus: false } },
    queryCache: new QueryCache({ onError: signedOut }),
    mutationCache: new MutationCache({ onError: signedOut }),
  });
  const router = buildRouter(queryClient, history);

  // An answer of 401 on a page means that the session ended; the guard above then leads to sign-in.
  function signedOut(error: Error) {
    if (!(error instanceof Problem) || error.status !== 401) return;
    if (router.state.location.pathname === '/sign-in' || !queryClient.getQueryData(me.queryKey)) return;
    queryClient.removeQueries({ queryKey: me.queryKey });
    void router.invalidate();
  }

  return { router, queryClient };
}

const buildRouter = (queryClient: QueryClient, history?: RouterHistory) =>
  createRouter({
    routeTree,
    history,
    context: { queryClient },
    // Plain parameters, so that people and other programs can write links by hand.
    parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
    stringifySearch: (search) => {
      const params = new URLSearchParams();
      for (const [key, value] of Object.entries(search)) {
        if (typeof value === 'string' && value !== '') params.set(key, value);
      }
      const text = params.toString();
      return text ? `?${text}` : '';
    },
  });

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof buildRouter>;
  }
}
