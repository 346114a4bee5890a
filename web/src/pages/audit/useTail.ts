import { useEffect, useEffectEvent, useState } from 'react';
import { tailPath } from '../../api/audit';
import type { AuditEvent } from '../../api/types';
import { withArrivals } from './record';

export type TailState = 'off' | 'connecting' | 'live' | 'refused';

interface Tail {
  arrived: ReadonlyMap<string, AuditEvent>;
  state: TailState;
}

const NOTHING: ReadonlyMap<string, AuditEvent> = new Map();
const BATCH_MS = 100;

// useTail follows the record while on, and gives what arrived since. onOpen is called whenever the stream begins,
// the first time or after a break, for what happened before it is not in it.
export function useTail(q: string, on: boolean, onOpen: () => void): Tail {
  const [arrived, setArrived] = useState({ q, events: NOTHING });
  const [state, setState] = useState<TailState>('off');
  const opened = useEffectEvent(onOpen);

  useEffect(() => {
    if (!on) return;
    const source = new EventSource(tailPath(q));
    let batch: AuditEvent[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;

    const flush = () => {
      timer = undefined;
      const events = batch;
      batch = [];
      setArrived((before) => ({ q, events: withArrivals(before.q === q ? before.events : NOTHING, events) }));
    };
    source.onopen = () => {
      setState('live');
      opened();
    };
    source.onmessage = (message: MessageEvent<string>) => {
      batch.push(JSON.parse(message.data) as AuditEvent);
      timer ??= setTimeout(flush, BATCH_MS);
    };
    source.onerror = () => setState(source.readyState === EventSource.CLOSED ? 'refused' : 'connecting');

    return () => {
      source.close();
      clearTimeout(timer);
      setState('off');
    };
  }, [q, on]);

  return { arrived: arrived.q === q ? arrived.events : NOTHING, state: on && state === 'off' ? 'connecting' : state };
}
