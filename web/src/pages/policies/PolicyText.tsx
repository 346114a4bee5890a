import { useEffect, useId, useRef } from 'react';
import { lineStart } from './lines';
import classes from './PolicyText.module.css';

interface Props {
  value: string;
  error: string | undefined;
  // line is the one that the error is about, from 1.
  line: number | undefined;
  change: (text: string) => void;
}

// PolicyText is a plain editor with numbered lines, which goes to the line that an error is about.
export function PolicyText({ value, error, line, change }: Props) {
  const id = useId();
  const area = useRef<HTMLTextAreaElement>(null);
  const numbers = useRef<HTMLDivElement>(null);
  const count = Math.max(14, value.split('\n').length);
  useEffect(() => {
    const box = area.current;
    if (!box || line === undefined || error === undefined) return;
    const [from, to] = lineStart(box.value, line);
    box.focus();
    box.setSelectionRange(from, to);
  }, [error, line]);
  return (
    <div>
      <label htmlFor={id} className={classes.label}>
        Cedar
      </label>
      <div className={classes.editor}>
        <div ref={numbers} className={classes.numbers} aria-hidden>
          {Array.from({ length: count }, (_, i) => (
            <div key={i} className={error !== undefined && i + 1 === line ? classes.wrong : undefined}>
              {i + 1}
            </div>
          ))}
        </div>
        <textarea
          ref={area}
          id={id}
          className={classes.text}
          rows={Math.min(count, 34)}
          wrap="off"
          spellCheck={false}
          autoCapitalize="off"
          value={value}
          aria-invalid={error !== undefined || undefined}
          aria-describedby={error ? `${id}-error` : undefined}
          onChange={(e) => change(e.currentTarget.value)}
          onScroll={(e) => {
            if (numbers.current) numbers.current.scrollTop = e.currentTarget.scrollTop;
          }}
        />
      </div>
      {error && (
        <div id={`${id}-error`} role="alert" className="bad">
          {error}
        </div>
      )}
    </div>
  );
}
