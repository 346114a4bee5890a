import type { Rights } from '../api/me';

// A page is for everybody, or for those who may read the record and how everything is set up: auditors and admins.
export interface PageLink {
  to: string;
  label: string;
  for: 'everybody' | 'readers';
}

export interface PageGroup {
  label: string;
  pages: PageLink[];
}

const GROUPS: PageGroup[] = [
  {
    label: 'Record',
    pages: [
      { to: '/audit', label: 'Audit', for: 'readers' },
      { to: '/sessions', label: 'Sessions', for: 'readers' },
      { to: '/recordings', label: 'Recordings', for: 'readers' },
      { to: '/receipts', label: 'Receipts', for: 'readers' },
    ],
  },
  {
    label: 'Access',
    pages: [
      { to: '/requests', label: 'Requests', for: 'everybody' },
      { to: '/grants', label: 'Grants', for: 'readers' },
      { to: '/roles', label: 'Roles', for: 'readers' },
      { to: '/policies', label: 'Policies', for: 'readers' },
      { to: '/explain', label: 'Explain', for: 'readers' },
    ],
  },
  {
    label: 'People',
    pages: [
      { to: '/users', label: 'Users', for: 'readers' },
      { to: '/groups', label: 'Groups', for: 'readers' },
      { to: '/tokens', label: 'Tokens', for: 'readers' },
    ],
  },
  {
    label: 'Infrastructure',
    pages: [
      { to: '/resources', label: 'Resources', for: 'readers' },
      { to: '/credentials', label: 'Credentials', for: 'readers' },
      { to: '/gateways', label: 'Gateways', for: 'readers' },
    ],
  },
];

// visibleGroups are the pages that are of use to the person, in their groups. The server decides what is shown there.
export function visibleGroups(rights: Rights): PageGroup[] {
  return GROUPS.map(({ label, pages }) => ({
    label,
    pages: pages.filter((page) => page.for === 'everybody' || rights.read),
  })).filter(({ pages }) => pages.length > 0);
}

// homeOf is the page that a person begins at.
export const homeOf = (rights: Rights) => (rights.read ? '/audit' : '/requests');
