import type { AccessRequest, Offer } from '../../api/types';
import { localTime } from '../../format/time';

// Tone is how a state is coloured: waiting and over are not.
export type Tone = 'good' | 'bad' | 'soft' | 'warn';

// wordOf is where a request stands, in a word or two.
export function wordOf({ status, active }: AccessRequest): [string, Tone] {
  switch (status) {
    case 'pending':
      return ['waits', 'warn'];
    case 'approved':
      return active ? ['open', 'good'] : ['over', 'soft'];
    case 'denied':
      return ['denied', 'bad'];
    case 'withdrawn':
      return ['withdrawn', 'soft'];
    case 'expired':
      return ['not decided in time', 'soft'];
  }
}

// approvalsLeft is how many more people must approve.
export const approvalsLeft = ({ approvals, opinions }: AccessRequest): number =>
  Math.max(0, approvals - (opinions ?? []).filter((opinion) => opinion.approve).length);

// standing says where a request stands that is not the viewer's to decide.
export function standing(request: AccessRequest): string {
  switch (request.status) {
    case 'pending':
      return `It waits for ${approvalsLeft(request)} more of ${(request.approvers ?? []).join(', ')} to approve it.`;
    case 'approved':
      return request.active && request.until
        ? `It is approved: access until ${localTime(request.until)}.`
        : 'It was approved; the grant has ended.';
    case 'denied':
      return 'It is denied.';
    case 'withdrawn':
      return 'It was withdrawn.';
    case 'expired':
      return 'Nobody decided in time; it has to be made again.';
  }
}

// wishOf is what is asked for: "orders as app", or a role.
export function wishOf({ resource, account, role }: Pick<AccessRequest, 'resource' | 'account' | 'role'>): string {
  if (!resource) return `the role ${role}`;
  return account ? `${resource} as ${account}` : resource;
}

// offeredResources are the names of all resources that some offer covers, each once.
export const offeredResources = (offers: Offer[]): string[] =>
  [...new Set(offers.flatMap((offer) => offer.resources.map((resource) => resource.name)))].sort();

// offersFor are the offers that give the resource; all of them when none is named.
export const offersFor = (offers: Offer[], resource: string | null): Offer[] =>
  resource ? offers.filter((offer) => offer.resources.some(({ name }) => name === resource)) : offers;

export const accountsFor = (offer: Offer | undefined, resource: string | null): string[] =>
  offer?.resources.find(({ name }) => name === resource)?.accounts ?? [];

const CHOICES = ['30m', '1h', '2h', '4h', '8h', '24h', '72h', '168h'];

// secondsOf reads a duration as the API writes it, such as 1h30m; NaN if it is none.
export function secondsOf(duration: string): number {
  const parts = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(duration);
  if (!parts || duration === '') return NaN;
  const [, h, m, s] = parts;
  return Number(h ?? 0) * 3600 + Number(m ?? 0) * 60 + Number(s ?? 0);
}

// durationsUpTo are sensible durations up to the longest that is given, which is the last.
export function durationsUpTo(longest: string): string[] {
  const limit = secondsOf(longest);
  if (Number.isNaN(limit)) return [longest];
  return [...CHOICES.filter((choice) => secondsOf(choice) < limit), longest];
}
