// Waiting for a condition, never for a time.
import { setTimeout as sleep } from 'node:timers/promises';

const pollMs = 20;
const defaultTimeoutMs = 120_000;

/**
 * Asks `look` until it answers something else than `undefined` or `false`.
 *
 * @param what is told when it takes too long
 */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = defaultTimeoutMs,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await sleep(pollMs);
  }
}
