import { create, type Player as Made, type Source } from 'asciinema-player';
import 'asciinema-player/dist/bundle/asciinema-player.css';
import { Skeleton } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { livePath, recordingText } from '../../api/recordings';
import classes from './RecordingPage.module.css';

// Place is where the player shall be; a new object makes it go there, also when it is the same moment.
export interface Place {
  at: number;
}

interface Props {
  statement: string;
  // live watches the open terminal instead of playing what was recorded.
  live: boolean;
  place: Place;
  speed: number;
  // idleLimit makes pauses no longer than this, in seconds; 0 keeps them.
  idleLimit: number;
}

// Player shows a terminal: as it was, or as it is. Its keys are its own: space plays and pauses, arrows go back and ahead.
export function Player(props: Props) {
  const cast = useQuery({ ...recordingText(props.statement), enabled: !props.live });
  if (props.live) return <Terminal {...props} cast="" />;
  if (cast.error) return <p role="alert" className="bad">This recording cannot be shown: {cast.error.message}</p>;
  if (cast.data === undefined) return <Skeleton height={320} role="status" aria-label="Loading" />;
  return <Terminal {...props} cast={cast.data} />;
}

function Terminal({ statement, cast, live, place, speed, idleLimit }: Props & { cast: string }) {
  const box = useRef<HTMLDivElement>(null);
  const terminal = useRef<Made>(null);
  const now = useRef(place.at);

  useEffect(() => {
    if (!box.current) return;
    // The driver of live streams is not in the library's types.
    const source = (live ? { driver: 'eventsource', url: livePath(statement) } : { data: cast }) as Source;
    const made = create(source, box.current, {
      fit: 'width',
      speed,
      startAt: live ? undefined : now.current,
      poster: live ? undefined : `npt:${now.current}`,
      preload: !live,
      autoPlay: live,
      controls: !live,
      ...(idleLimit > 0 && { idleTimeLimit: idleLimit }),
    });
    terminal.current = made;
    return () => {
      now.current = live ? 0 : made.getCurrentTime();
      terminal.current = null;
      made.dispose();
    };
  }, [statement, cast, live, speed, idleLimit]);

  useEffect(() => {
    now.current = place.at;
    if (!live) void terminal.current?.seek(place.at);
  }, [place, live]);

  return <div ref={box} className={classes.terminal} role="region" aria-label={live ? 'The open terminal' : 'The recording'} />;
}
