import type { Receipt } from '../../api/types';

type Gateway = Receipt['gateways'][number];

// cutsOf are all sessions that were cut, in the order in which they were.
export const cutsOf = (receipt: Receipt): Gateway['sessions'] =>
  receipt.gateways.flatMap((gateway) => gateway.sessions).sort((a, b) => Date.parse(a.at) - Date.parse(b.at));

// withinText is how long after the user was refused the last session was cut; empty where none was, or clocks disagree.
export function withinText(receipt: Receipt): string {
  const last = cutsOf(receipt).at(-1);
  if (!last) return '';
  const ms = Date.parse(last.at) - Date.parse(receipt.refused_from);
  return ms >= 0 ? ` within ${ms} ms` : '';
}

export function gatewayState(state: Gateway['state']): string {
  switch (state) {
    case 'confirmed':
      return 'confirmed';
    case 'unconfirmed':
      return 'has not answered';
    case 'closed':
      return 'had closed by itself';
  }
}
