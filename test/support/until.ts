// Waits for conditions, never for a time.
import { setTimeout as sleep } from 'node:timers/promises';
import { STALL_MS } from './timeouts.ts';

/** Short waits in memory are polled often; long waits leave the cores to the processes under test. */
const minPollMs = 1;
const maxPollMs = 20;

type Condition<T> = () => T | undefined | false | Promise<T | undefined | false>;

/**
 * Polls `condition` until it returns something else than `undefined` or `false`, and returns that.
 *
 * @param what names the condition in the error after `timeoutMs`
 */
export async function until<T>(
  what: string,
  condition: Condition<T>,
  timeoutMs = STALL_MS,
): Promise<T> {
  return untilStalled(what, () => undefined, condition, timeoutMs);
}

/** What `untilStalled` compares. */
type Progress = number | string | bigint | undefined;

/**
 * Like `until`, for work of any length: it fails only after `stallMs` in which `progress` returned the same value.
 *
 * @param progress a count of the work that is done, or text that changes with it
 */
export async function untilStalled<T>(
  what: string,
  progress: () => Progress | Promise<Progress>,
  condition: Condition<T>,
  stallMs = STALL_MS,
): Promise<T> {
  let reached: Progress | undefined;
  const begun = performance.now();
  let changedAt = begun;
  for (;;) {
    const found = await condition();
    if (found !== undefined && found !== false) return found;
    const now = await progress();
    if (now !== reached) [reached, changedAt] = [now, performance.now()];
    if (performance.now() - changedAt > stallMs) {
      const state = now === undefined ? '' : `, and there was no progress after ${String(now)}`;
      throw new Error(`waited ${stallMs} ms for ${what}${state}`);
    }
    const tenth = (performance.now() - begun) / 10;
    await sleep(Math.min(Math.max(tenth, minPollMs), maxPollMs));
  }
}
