// The runtime outside of tests: the system's clock, timers and random values.
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../domain/ports/clock.ts';
import type { Runtime } from '../../domain/ports/runtime.ts';

/** @param clock replaces the system's wall clock */
export function systemRuntime(clock?: Clock): Runtime {
  return {
    now: clock === undefined ? Date.now : clock.now,
    elapsed: () => performance.now(),
    pause,
    random: Math.random,
    newId: randomUUID,
  };
}

/** Resolves on abort instead of rejecting: pauses end often, and an error for each would cost. */
async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return;
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const timer = setTimeout(resolve, ms);
  signal?.addEventListener('abort', resolve, { once: true });
  await promise;
  clearTimeout(timer);
  signal?.removeEventListener('abort', resolve);
}
