// Durations as people write them: 30m, 1h30m, 90s.

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const;

/** Reads `30m`, `1h30m`, `90s`, `250ms` as milliseconds; `undefined` for any other text. */
export function parseDuration(text: string): number | undefined {
  if (!/^(?:\d{1,15}(?:ms|[dhms]))+$/.test(text)) return undefined;
  let sum = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|[dhms])/g)) {
    sum += Number(count) * (UNITS.find(([name]) => name === unit)?.[1] ?? NaN);
  }
  return Number.isSafeInteger(sum) ? sum : undefined;
}

/** The shortest text that {@link parseDuration} reads as `ms` milliseconds. */
export function formatDuration(ms: number): string {
  let left = ms;
  let text = '';
  for (const [unit, size] of UNITS) {
    const count = Math.floor(left / size);
    if (count > 0) text += `${count}${unit}`;
    left -= count * size;
  }
  return text === '' ? '0s' : text;
}
