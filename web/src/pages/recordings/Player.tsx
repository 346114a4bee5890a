import { create, type Player as Made, type Source } from 'asciinema-player';
import 'asciinema-player/dist/bundle/asciinema-player.css';
import { useEffect, useRef, useState } from 'react';
import { livePath, readPart } from '../../api/recordings';
import classes from './RecordingPage.module.css';
import { type Pace, Windowed } from './windowed';

// Place is where the player shall be; a new object makes it go there, also when it is the same moment.
export interface Place {
  at: number;
}

interface Props extends Pace {
  statement: string;
  // live watches the open terminal instead of playing what was recorded.
  live: boolean;
  place: Place;
  // marks are the places that a search found, in seconds.
  marks: number[];
}

// Player shows a terminal: as it was, or as it is. Its keys are its own: space plays and pauses, arrows go back and ahead.
export function Player(props: Props) {
  return props.live ? <Live statement={props.statement} /> : <Recorded {...props} />;
}

function Live({ statement }: { statement: string }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!box.current) return;
    // The driver of live streams is not in the library's types.
    const source = { driver: 'eventsource', url: livePath(statement) } as unknown as Source;
    const made = create(source, box.current, { fit: 'width', autoPlay: true, controls: false });
    return () => made.dispose();
  }, [statement]);
  return <div ref={box} className={classes.terminal} role="region" aria-label="The open terminal" />;
}

function Recorded({ statement, place, marks, speed, idleLimit }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const terminal = useRef<{ made: Made; windowed: Windowed }>(null);
  const begin = useRef({ place, speed, idleLimit });
  const [wrong, setWrong] = useState<string>();

  useEffect(() => {
    if (!box.current) return;
    const { place, ...pace } = begin.current;
    const windowed = new Windowed((from, signal) => readPart(statement, from, signal), pace, place.at, (error) => setWrong(error.message));
    // Drivers of one's own are not in the library's types.
    const made = create(windowed.driver as unknown as Source, box.current, { fit: 'width', controls: true, preload: true });
    terminal.current = { made, windowed };
    return () => {
      terminal.current = null;
      made.dispose();
    };
  }, [statement]);

  useEffect(() => terminal.current?.windowed.setPace({ speed, idleLimit }), [speed, idleLimit]);
  useEffect(() => terminal.current?.windowed.mark(marks.map((at) => [at, ''])), [marks]);
  useEffect(() => {
    if (place === begin.current.place) return;
    setWrong(undefined);
    void terminal.current?.made.seek(place.at);
  }, [place]);

  return (
    <>
      {wrong && (
        <p role="alert" className="bad">
          This recording cannot be shown: {wrong}
        </p>
      )}
      <div ref={box} className={classes.terminal} role="region" aria-label="The recording" />
    </>
  );
}
