import { listOf } from './noun';
import type { Protocol } from './types';

// protocols are those that resources may speak, in the order in which to offer them. They change with the server alone.
export const protocols = { ...listOf<Protocol>({ path: '/protocols', key: 'protocols' }), staleTime: Infinity };
