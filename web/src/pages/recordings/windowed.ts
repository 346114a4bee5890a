import type { RecordingPart } from '../../api/types';

// ReadPart reads what a terminal showed from a moment on, in seconds.
export type ReadPart = (from: number, signal: AbortSignal) => Promise<RecordingPart>;

// Pace is how a recording is played.
export interface Pace {
  speed: number;
  // idleLimit makes pauses no longer than this, in seconds; 0 keeps them.
  idleLimit: number;
}

// Dispatch tells the player what happens, by its own names.
type Dispatch = (event: string, data?: unknown) => void;

// Where is a place to go to, as the player's keys and timeline say it.
type Where = number | string | { marker: number | 'prev' | 'next' };

// Output that comes within one frame of the screen is written at once.
const FRAME = 1 / 60;

// Windowed plays a recording of any length for asciinema-player. It holds the part that is shown and the one that comes next, and
// nothing else; the timeline is the whole recording's.
export class Windowed {
  private dispatch: Dispatch = () => undefined;
  private part: RecordingPart | undefined;
  private next = 0; // the event of the part that comes next
  private ahead: { from: number; part: Promise<RecordingPart> } | undefined;
  private at = 0; // seconds; since started, where it plays
  private started: number | undefined; // performance.now(); undefined: the clock stands
  private playing = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private ended = false;
  private markers: [number, string][] = [];
  private going = new AbortController();

  constructor(
    private readonly read: ReadPart,
    private pace: Pace,
    private readonly begin: number,
    private readonly failed: (error: Error) => void,
  ) {}

  // driver is what the player calls.
  driver = ({ dispatch }: { dispatch: Dispatch }) => {
    this.dispatch = dispatch;
    return {
      init: () => this.load(this.begin),
      play: () => this.play(),
      pause: () => this.pause(),
      seek: (where: Where) => this.seek(where),
      step: (n = 1) => this.step(n),
      stop: () => this.stop(),
      getDuration: () => this.part?.seconds,
      getTiming: () => this.timing(),
    };
  };

  get position(): number {
    if (this.started === undefined) return this.at;
    const upTo = this.part?.events[this.next]?.at ?? this.part?.to ?? this.at;
    return Math.max(this.at, Math.min(upTo, this.at + ((performance.now() - this.started) / 1000) * this.pace.speed));
  }

  setPace(pace: Pace): void {
    const running = this.started !== undefined;
    this.halt();
    this.pace = pace;
    if (running) this.run();
  }

  // mark puts places on the timeline.
  mark(markers: [number, string][]): void {
    this.markers = markers;
    if (this.part) this.tellLength();
  }

  async seek(where: Where): Promise<boolean> {
    const to = this.target(where);
    if (to === undefined) return false;
    const resume = this.playing;
    this.halt();
    this.ended = false;
    const { part } = this;
    if (part && to >= part.from && to <= part.to) {
      if (to < this.at) this.reset(part);
      this.show(to);
    } else if (!(await this.load(to))) {
      return false;
    }
    this.dispatch('seeked');
    if (resume) this.run();
    return true;
  }

  private async play(): Promise<boolean> {
    if (this.playing) return true;
    if (!this.part && !(await this.load(this.begin))) return false;
    if (this.ended && !(await this.seek(0))) return false;
    this.playing = true;
    this.dispatch('play');
    this.run();
    this.dispatch('playing');
    return true;
  }

  private pause(): boolean {
    if (this.playing) {
      this.halt();
      this.playing = false;
      this.dispatch('pause');
    }
    return true;
  }

  private stop(): void {
    this.halt();
    this.playing = false;
    this.going.abort();
  }

  private async step(n: number): Promise<void> {
    this.pause();
    const outputs = (this.part?.events ?? []).filter(({ kind, at }) => kind === 'o' && (n > 0 ? at > this.at : at < this.at));
    const event = n > 0 ? outputs[n - 1] : outputs[outputs.length + n];
    const edge = n > 0 ? this.part?.to : Math.max(0, (this.part?.from ?? 0) - FRAME);
    await this.seek(event?.at ?? edge ?? 0);
  }

  // load shows the screen at a moment that no part at hand holds. What was on its way to another one is given up.
  private async load(at: number): Promise<boolean> {
    this.going.abort();
    this.going = new AbortController();
    this.ahead = undefined;
    const { signal } = this.going;
    const slow = setTimeout(() => this.dispatch('loading'), 500);
    try {
      const part = await this.read(at, signal);
      if (signal.aborted) return false;
      this.part = part;
      this.tellLength();
      this.reset(part);
      this.tellTime();
      return true;
    } catch (error) {
      if (!signal.aborted) this.fail(error as Error);
      return false;
    } finally {
      clearTimeout(slow);
    }
  }

  private fail(error: Error): void {
    this.halt();
    this.playing = false;
    this.failed(error);
  }

  private reset(part: RecordingPart): void {
    this.dispatch('reset', { size: { cols: part.cols, rows: part.rows }, init: part.init, theme: null });
    this.next = 0;
    this.at = part.from;
  }

  // run lets the clock go until the next event; a long pause it shortens at once.
  private run(): void {
    if (!this.part) return;
    const event = this.part.events[this.next];
    if (!event) {
      void this.goOn();
      return;
    }
    if (this.pace.idleLimit > 0) this.at = Math.max(this.at, event.at - this.pace.idleLimit);
    this.started = performance.now();
    this.tellTime();
    this.timer = setTimeout(() => {
      this.started = undefined;
      this.show(event.at + FRAME * this.pace.speed, event.at);
      this.prefetch();
      this.run();
    }, ((event.at - this.at) / this.pace.speed) * 1000);
  }

  private halt(): void {
    this.at = this.position;
    this.started = undefined;
    clearTimeout(this.timer);
    this.tellTime();
  }

  // goOn takes the part that comes next, or ends.
  private async goOn(): Promise<void> {
    const { part, going } = this;
    if (!part) return;
    if (part.last) {
      this.halt();
      this.playing = false;
      this.ended = true;
      this.dispatch('ended');
      return;
    }
    this.prefetch();
    const slow = setTimeout(() => this.dispatch('loading'), 500);
    try {
      const coming = await this.ahead?.part;
      if (!coming || going.signal.aborted || this.part !== part) return;
      this.ahead = undefined;
      this.part = coming;
      this.next = 0;
      if (this.playing) this.run();
    } catch (error) {
      if (!going.signal.aborted) this.fail(error as Error);
    } finally {
      clearTimeout(slow);
    }
  }

  private prefetch(): void {
    const { part } = this;
    if (!part || part.last || this.ahead?.from === part.to) return;
    const coming = this.read(part.to, this.going.signal);
    coming.catch(() => undefined); // goOn tells of it
    this.ahead = { from: part.to, part: coming };
  }

  // show writes what came up to a moment, and puts the clock there, or to another moment.
  private show(to: number, clock = to): void {
    const events = this.part?.events ?? [];
    let output: string[] = [];
    const write = () => {
      if (output.length > 0) this.dispatch('output', output);
      output = [];
    };
    let event = events[this.next];
    let last = clock;
    for (; event && event.at <= to; event = events[++this.next]) {
      last = Math.max(last, event.at);
      if (event.kind === 'o') output.push(event.data);
      if (event.kind === 'r') {
        write();
        const [cols, rows] = event.data.split('x').map(Number);
        if (cols && rows) this.dispatch('resize', { cols, rows });
      }
    }
    write();
    this.at = last;
    this.tellTime();
  }

  private target(where: Where): number | undefined {
    const length = this.part?.seconds ?? 0;
    const now = this.position;
    const within = (seconds: number) => Math.min(Math.max(0, seconds), Math.max(length, 0));
    if (typeof where === 'number') return this.part ? within(where) : Math.max(0, where);
    if (typeof where === 'string') {
      const jump = { '<<': -5, '>>': 5, '<<<': -length / 10, '>>>': length / 10 }[where];
      if (jump !== undefined) return within(now + jump);
      return where.endsWith('%') ? within((Number.parseFloat(where) / 100) * length) : undefined;
    }
    if (typeof where.marker === 'number') return this.markers[where.marker]?.[0];
    const times = this.markers.map(([at]) => at);
    return where.marker === 'next' ? times.find((at) => at > now + FRAME) : times.findLast((at) => at < now - 1);
  }

  private timing() {
    const rate = this.started === undefined ? 0 : this.pace.speed;
    return { time: this.position, rate, sampledAt: performance.timeOrigin + performance.now() };
  }

  private tellTime(): void {
    this.dispatch('timing', this.timing());
  }

  private tellLength(): void {
    this.dispatch('metadata', { duration: this.part?.seconds, markers: this.markers, hasAudio: false });
  }
}
