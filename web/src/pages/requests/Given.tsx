import type { AccessRequest } from '../../api/types';
import { Facts } from '../../components/ObjectPage';
import { localTime } from '../../format/time';
import { terms } from '../roles/terms';

// Given is what one has to know to decide: who asks, why, for how long, and what the role gives.
export function Given({ request }: { request: AccessRequest }) {
  const facts: [string, string | undefined][] = [
    ['Who', request.user],
    ['Reason', request.reason],
    ['Role', request.role],
    ['Resource', request.resource ?? 'all that the role covers'],
    ['Account', request.account ?? 'all that the role gives there'],
    ['For', request.duration],
    ['Asked', localTime(request.created)],
  ];
  const said = (request.opinions ?? []).map((o): [string, string] => [
    o.approve ? 'Approved by' : 'Denied by',
    `${o.by}${o.comment ? `: ${o.comment}` : ''}`,
  ]);
  const gives = request.gives && terms(request.gives);
  return (
    <div>
      <Facts facts={facts} />
      {said.map(([how, who]) => (
        <Facts key={who} facts={[[how, who]]} />
      ))}
      {gives && (
        <section aria-label={`What ${request.role} gives`}>
          <h2 style={{ fontSize: 14, margin: '12px 0 4px' }}>What {request.role} gives</h2>
          <Facts facts={gives} />
        </section>
      )}
    </div>
  );
}
