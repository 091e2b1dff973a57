// The runtime outside of tests: the system's clock, timers and random values.
import { randomUUID } from 'node:crypto';
import { unlessAborted } from '../../domain/core/signals.ts';
import type { Clock, Runtime } from '../../domain/ports/runtime.ts';

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

/**
 * The result of `work`, or of `onLate` when it takes longer than `ms` or `stop` is raised. `work` gets a
 * signal that says so, and goes on if it ignores the signal.
 */
export async function withDeadline<T, L>(
  { pause }: Pick<Runtime, 'pause'>,
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
  onLate: () => L,
  stop?: AbortSignal,
): Promise<T | L> {
  const late = new AbortController();
  const done = new AbortController();
  void pause(ms, done.signal).then(() => {
    late.abort();
  });
  const over = stop === undefined ? late.signal : AbortSignal.any([late.signal, stop]);
  try {
    return await unlessAborted(work(over), over, onLate);
  } finally {
    done.abort();
  }
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
