import type { Scope } from '../../api/requests';

// RequestsSearch are the URL parameters of the requests' page.
export interface RequestsSearch {
  // view is mine if it is not given.
  view?: 'decide' | 'history';
}

export const validateRequestsSearch = ({ view }: Record<string, unknown>): RequestsSearch =>
  view === 'decide' || view === 'history' ? { view } : {};

export const scopeOf = ({ view }: RequestsSearch): Scope =>
  view === 'decide' ? 'to_decide' : view === 'history' ? 'all' : 'mine';
