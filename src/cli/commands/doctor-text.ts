// Sizes and times of `tocsin doctor`, for people.

const SIZES = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const;
const STEP = 1024;

export function bytes(count: number): string {
  let size = 0;
  let rest = count;
  while (rest >= STEP && size < SIZES.length - 1) {
    rest /= STEP;
    size += 1;
  }
  return `${size === 0 ? rest : rest.toFixed(1)} ${SIZES[size]}`;
}

const TIMES = [
  ['days', 86_400_000],
  ['hours', 3_600_000],
  ['minutes', 60_000],
  ['seconds', 1_000],
] as const;

/** In the largest unit of which it has two or more. */
export function duration(ms: number): string {
  const [name, size] = TIMES.find(([, unit]) => ms >= 2 * unit) ?? ['seconds', 1_000];
  return `${(ms / size).toFixed(1).replace(/\.0$/, '')} ${name}`;
}
