import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query';
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
  type RouterHistory,
} from '@tanstack/react-router';
import { Problem } from './api/http';
import { me, rightsOf } from './api/me';
import { homeOf } from './components/navigation';
import { NotFound } from './components/NotFound';
import { Shell } from './components/Shell';
import { AuditPage } from './pages/audit/AuditPage';
import { validateAuditSearch } from './pages/audit/search';
import { validateExplainSearch } from './pages/explain/search';
import { validateRecordingSearch, validateRecordingsSearch } from './pages/recordings/search';
import { validateRequestsSearch } from './pages/requests/search';
import { validateSignInSearch } from './pages/signin/arrival';
import { SignInPage } from './pages/signin/SignInPage';
import { SSHPage } from './pages/signin/SSHPage';
import { TerminalPage } from './pages/signin/TerminalPage';

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

const sshSignInRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/sign-in/ssh',
  beforeLoad: ({ context, location }) => requirePerson(context, location.href),
  component: SSHPage,
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
  beforeLoad: ({ context }) => {
    throw redirect({ to: homeOf(rightsOf(context.queryClient.getQueryData(me.queryKey))) });
  },
});

const auditRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/audit',
  validateSearch: validateAuditSearch,
  component: AuditPage,
});

// Pages are loaded when they are first opened; the audit page, where most begin, comes with the frame.
const usersRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/users',
  component: lazyRouteComponent(() => import('./pages/users/UsersPage'), 'UsersPage'),
});
const userRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/users/$name',
  component: lazyRouteComponent(() => import('./pages/users/UserPage'), 'UserPage'),
});
const rolesRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/roles',
  component: lazyRouteComponent(() => import('./pages/roles/RolesPage'), 'RolesPage'),
});
const roleRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/roles/$name',
  component: lazyRouteComponent(() => import('./pages/roles/RolePage'), 'RolePage'),
});
const newRoleRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/add/role',
  component: lazyRouteComponent(() => import('./pages/roles/NewRolePage'), 'NewRolePage'),
});
const resourcesRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/resources',
  component: lazyRouteComponent(() => import('./pages/resources/ResourcesPage'), 'ResourcesPage'),
});
const sessionsRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/sessions',
  component: lazyRouteComponent(() => import('./pages/sessions/SessionsPage'), 'SessionsPage'),
});
const recordingsRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/recordings',
  validateSearch: validateRecordingsSearch,
  component: lazyRouteComponent(() => import('./pages/recordings/RecordingsPage'), 'RecordingsPage'),
});
const recordingRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/recordings/$session',
  validateSearch: validateRecordingSearch,
  component: lazyRouteComponent(() => import('./pages/recordings/RecordingPage'), 'RecordingPage'),
});
const credentialsRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/credentials',
  component: lazyRouteComponent(() => import('./pages/credentials/CredentialsPage'), 'CredentialsPage'),
});
const accountRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/account',
  component: lazyRouteComponent(() => import('./pages/account/AccountPage'), 'AccountPage'),
});
const requestRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/requests/$id',
  component: lazyRouteComponent(() => import('./pages/requests/RequestPage'), 'RequestPage'),
});
const grantsRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/grants',
  component: lazyRouteComponent(() => import('./pages/grants/GrantsPage'), 'GrantsPage'),
});
const groupsRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/groups',
  component: lazyRouteComponent(() => import('./pages/groups/GroupsPage'), 'GroupsPage'),
});
const groupRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/groups/$name',
  component: lazyRouteComponent(() => import('./pages/groups/GroupPage'), 'GroupPage'),
});
const policiesRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/policies',
  component: lazyRouteComponent(() => import('./pages/policies/PoliciesPage'), 'PoliciesPage'),
});
const policyRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/policies/$name',
  component: lazyRouteComponent(() => import('./pages/policies/PolicyPage'), 'PolicyPage'),
});
const newPolicyRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/add/policy',
  component: lazyRouteComponent(() => import('./pages/policies/NewPolicyPage'), 'NewPolicyPage'),
});
const gatewaysRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/gateways',
  component: lazyRouteComponent(() => import('./pages/gateways/GatewaysPage'), 'GatewaysPage'),
});
const receiptsRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/receipts',
  component: lazyRouteComponent(() => import('./pages/receipts/ReceiptsPage'), 'ReceiptsPage'),
});
const receiptRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/receipts/$id',
  component: lazyRouteComponent(() => import('./pages/receipts/ReceiptPage'), 'ReceiptPage'),
});
const requestsRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/requests',
  validateSearch: validateRequestsSearch,
  component: lazyRouteComponent(() => import('./pages/requests/RequestsPage'), 'RequestsPage'),
});
const explainRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/explain',
  validateSearch: validateExplainSearch,
  component: lazyRouteComponent(() => import('./pages/explain/ExplainPage'), 'ExplainPage'),
});
const tokensRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/tokens',
  validateSearch: (search: Record<string, unknown>): { user?: string } =>
    typeof search.user === 'string' && search.user !== '' ? { user: search.user } : {},
  component: lazyRouteComponent(() => import('./pages/tokens/TokensPage'), 'TokensPage'),
});

const routeTree = rootRoute.addChildren([
  signInRoute,
  terminalRoute,
  sshSignInRoute,
  appRoute.addChildren([
    indexRoute,
    auditRoute,
    usersRoute,
    userRoute,
    rolesRoute,
    roleRoute,
    newRoleRoute,
    resourcesRoute,
    sessionsRoute,
    recordingsRoute,
    recordingRoute,
    credentialsRoute,
    accountRoute,
    requestRoute,
    grantsRoute,
    groupsRoute,
    groupRoute,
    policiesRoute,
    policyRoute,
    newPolicyRoute,
    gatewaysRoute,
    receiptsRoute,
    receiptRoute,
    requestsRoute,
    explainRoute,
    tokensRoute,
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
        if ((typeof value === 'string' && value !== '') || typeof value === 'number') params.set(key, String(value));
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
