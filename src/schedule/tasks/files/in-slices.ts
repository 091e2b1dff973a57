// Runs work in slices, so that the process serves its requests between them.
import { setImmediate } from 'node:timers/promises';

/** The work stops for others after so long; a step of it may take as long again. */
const SLICE_MS = 5;

/** Runs a generator to its end, and lets the event loop turn between its steps. */
export async function inSlices<T>(steps: Generator<undefined, T, undefined>): Promise<T> {
  let begun = performance.now();
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    if (performance.now() - begun < SLICE_MS) continue;
    await setImmediate();
    begun = performance.now();
  }
}
