import { type RefObject, useCallback, useState } from 'react';
import type { AuditEvent } from '../../api/types';

// useHeldRows keeps live events from moving the table under somebody who has scrolled down: what arrives on top is
// held back, and counted, until they come back to the top.
export function useHeldRows(all: AuditEvent[], scroller: RefObject<HTMLDivElement | null>) {
  // top is the first row when the reader left the top; empty while they are there.
  const [top, setTop] = useState('');
  const first = all[0]?.id ?? '';

  const onScroll = useCallback(() => {
    const atTop = (scroller.current?.scrollTop ?? 0) < 4;
    setTop((before) => (atTop ? '' : before || first));
  }, [scroller, first]);

  const release = useCallback(() => {
    scroller.current?.scrollTo({ top: 0 });
    setTop('');
  }, [scroller]);

  const held = top ? Math.max(0, all.findIndex((row) => row.id === top)) : 0;
  return { rows: held > 0 ? all.slice(held) : all, held, onScroll, release };
}
