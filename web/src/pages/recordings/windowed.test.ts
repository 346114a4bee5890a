import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { RecordingPart } from '../../api/types';
import { Windowed } from './windowed';

type Event = RecordingPart['events'][number];

// A recording of 100 moments, one a second, in parts of ten.
const text = (second: number) => `${second} `;
const events: Event[] = Array.from({ length: 100 }, (_, i) => ({ at: i + 1, kind: 'o', data: text(i + 1) }));

function partFrom(from: number): RecordingPart {
  const after = events.filter(({ at }) => at > from);
  const part = after.slice(0, 10);
  return {
    from, to: part.at(-1)?.at ?? from, seconds: 100, over: true, last: after.length <= 10, cols: 80, rows: 24, events: part,
    init: events.filter(({ at }) => at <= from).map(({ data }) => data).join(''),
  };
}

interface Held {
  screen: string;
  told: string[];
  reads: number[];
  windowed: Windowed;
  driver: ReturnType<Windowed['driver']>;
  errors: string[];
}

function start(idleLimit = 0, read: (from: number) => RecordingPart = partFrom): Held {
  const held = { screen: '', told: [], reads: [], errors: [] } as unknown as Held;
  held.windowed = new Windowed(
    (from) =>
      new Promise((resolve) => {
        held.reads.push(from);
        resolve(read(from));
      }),
    { speed: 1, idleLimit }, 0, (error) => held.errors.push(error.message),
  );
  held.driver = held.windowed.driver({
    dispatch: (event, data) => {
      if (event === 'reset') held.screen = (data as { init: string }).init;
      if (event === 'output') held.screen += (data as string[]).join('');
      if (event !== 'timing' && event !== 'output') held.told.push(event);
    },
  });
  return held;
}

const upTo = (second: number) => events.slice(0, second).map(({ data }) => data).join('');

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('plays through all parts in their time, and reads each once', async () => {
  const held = start();
  await held.driver.init();
  await held.driver.play();
  await vi.advanceTimersByTimeAsync(35_500);
  expect(held.screen).toBe(upTo(35));
  expect(held.windowed.position).toBeCloseTo(35.5, 1);
  await vi.advanceTimersByTimeAsync(65_000);
  expect(held.screen).toBe(upTo(100));
  expect(held.told.at(-1)).toBe('ended');
  expect(held.reads).toEqual([0, 10, 20, 30, 40, 50, 60, 70, 80, 90]);
});

test('goes to any moment and shows the screen of it, playing or not', async () => {
  const held = start();
  await held.driver.init();
  for (const at of [57, 3, 59.5, 58, 100, 0]) {
    await held.driver.seek(at);
    expect(held.screen, String(at)).toBe(upTo(Math.floor(at)));
    expect(held.windowed.position).toBe(at);
  }
  await held.driver.play();
  await held.driver.seek('50%');
  await vi.advanceTimersByTimeAsync(2_100);
  expect(held.screen).toBe(upTo(52));
  held.driver.pause();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(held.screen).toBe(upTo(52));
  await held.driver.seek('>>');
  expect(held.screen).toBe(upTo(57));
});

test('shortens pauses, and keeps the true time', async () => {
  const lone = { ...partFrom(90), from: 0, init: '', events: [{ at: 50, kind: 'o', data: 'late' } as Event], to: 50, last: true, seconds: 50 };
  const held = start(2, () => lone);
  await held.driver.init();
  await held.driver.play();
  await vi.advanceTimersByTimeAsync(1_900);
  expect([held.screen, Math.round(held.windowed.position)]).toEqual(['', 50]);
  await vi.advanceTimersByTimeAsync(200);
  expect(held.screen).toBe('late');
});

test('another speed counts at once', async () => {
  const held = start();
  await held.driver.init();
  await held.driver.play();
  await vi.advanceTimersByTimeAsync(2_000);
  held.windowed.setPace({ speed: 4, idleLimit: 0 });
  await vi.advanceTimersByTimeAsync(2_000);
  expect(held.windowed.position).toBeCloseTo(10, 0);
});

test('goes from one mark to the next and back', async () => {
  const held = start();
  await held.driver.init();
  held.windowed.mark([[20, ''], [70, '']]);
  await held.driver.seek({ marker: 'next' });
  await held.driver.seek({ marker: 'next' });
  expect(held.screen).toBe(upTo(70));
  expect(await held.driver.seek({ marker: 'next' })).toBe(false);
  await held.driver.seek({ marker: 'prev' });
  expect(held.screen).toBe(upTo(20));
});

test('tells of a part that cannot be read', async () => {
  const held = start(0, (from) => {
    if (from >= 10) throw new Error('gone');
    return partFrom(from);
  });
  await held.driver.init();
  await held.driver.play();
  await vi.advanceTimersByTimeAsync(20_000);
  expect(held.errors).toEqual(['gone']);
  expect(held.screen).toBe(upTo(10));
});
