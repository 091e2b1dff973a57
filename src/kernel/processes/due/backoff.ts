// How long to wait after failures, in every process.

const FIRST_MS = 100;
const LONGEST_MS = 30_000;

/** Full jitter below a ceiling that doubles from 100 ms to 30 s. `failures` counts those before this one. */
export function backoffMs(failures: number, random: () => number): number {
  return Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures, 16)) * random();
}
