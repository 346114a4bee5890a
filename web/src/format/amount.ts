const grouped = new Intl.NumberFormat('en-US');

// count writes a whole number with its thousands apart: "1,204".
export const count = (n: number): string => grouped.format(n);

// plural is a number with its noun: "1 row", "1,204 rows".
export const plural = (n: number, noun: string, many = `${noun}s`): string => `${count(n)} ${n === 1 ? noun : many}`;

// bytes writes a size in powers of 1024: "512 B", "1.5 KiB".
export function bytes(n: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let value = n;
  while (value >= 1023.95 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : Number(value.toFixed(1))} ${units[unit]}`;
}
