const two = (n: number) => String(n).padStart(2, '0');
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

// shortTime is a time in the reader's zone to the millisecond, "Nov 22 22:53:01.123"; the year stands in front when
// it is not this year's.
export function shortTime(iso: string, now = new Date()): string {
  const t = new Date(iso);
  if (Number.isNaN(t.getTime())) return iso;
  const year = t.getFullYear() === now.getFullYear() ? '' : `${t.getFullYear()} `;
  return `${year}${MONTHS[t.getMonth()]} ${two(t.getDate())} ${clock(t)}.${String(t.getMilliseconds()).padStart(3, '0')}`;
}

const clock = (t: Date) => `${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`;

// localTime is a time in the reader's zone with the zone's offset, to the second.
export function localTime(iso: string): string {
  const t = new Date(iso);
  if (Number.isNaN(t.getTime())) return iso;
  const offset = -t.getTimezoneOffset();
  const zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
  return `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())} ${clock(t)} ${zone}`;
}

// age is how long ago a time was, in one or two units: "4 s", "3 min", "2 h 5 min", "6 d".
export function age(iso: string, now = Date.now()): string {
  const seconds = Math.max(0, Math.floor((now - Date.parse(iso)) / 1000));
  if (Number.isNaN(seconds)) return '';
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.floor(hours / 24)} d`;
}

// left is how long it is until a time, as age says it; empty once it is past.
export const left = (iso: string, now = Date.now()): string =>
  Date.parse(iso) > now ? age(new Date(now).toISOString(), Date.parse(iso)) : '';

// isDuration says whether a text is a time as the API takes it: 8h, 90m, 1h30m.
export const isDuration = (text: string): boolean => /^(\d+(\.\d+)?(h|m|s|ms))+$/.test(text);

// durationFault is what is wrong with a time that may be left out.
export const durationFault = (text: string): string | undefined =>
  text.trim() === '' || isDuration(text.trim()) ? undefined : 'Write a time such as 8h, 90m or 1h30m';

// duration writes microseconds with three significant figures and the unit that suits: "84 µs", "1.24 ms", "2.5 s".
export function duration(us: number): string {
  if (us < 1_000) return `${us} µs`;
  if (us < 999_500) return `${figures(us / 1_000)} ms`;
  if (us < 59_950_000) return `${figures(us / 1_000_000)} s`;
  const seconds = Math.round(us / 1_000_000);
  const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3600)];
  return hours ? `${hours} h ${minutes % 60} min` : `${minutes} min ${seconds % 60} s`;
}

const figures = (n: number) => String(Number(n.toPrecision(3)));
