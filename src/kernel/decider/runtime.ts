// The runtime outside of tests: the system's clock, timers and random values.
import { randomUUID } from 'node:crypto';
import { TocsinError } from '../../domain/core/errors.ts';
import { MAX_INSTANT, type Instant } from '../../domain/core/instants.ts';
import { unlessAborted } from '../../domain/core/signals.ts';
import type { Clock, Runtime } from '../../domain/ports/runtime.ts';

/** @param clock replaces the system's wall clock */
export function systemRuntime(clock?: Clock): Runtime {
  return {
    now: clock === undefined ? Date.now : () => timeOf(clock),
    elapsed: () => performance.now(),
    pause,
    random: Math.random,
    newId: randomUUID,
  };
}

/** @throws TocsinError `clock_failed` for a clock that throws, or gives no time */
function timeOf(clock: Clock): Instant {
  let now: unknown;
  try {
    now = clock.now();
  } catch (cause) {
    throw clockFailed('threw an error', cause);
  }
  if (typeof now === 'number' && now >= 0 && now <= MAX_INSTANT) return Math.trunc(now);
  throw clockFailed(typeof now === 'number' ? `gave ${now}` : `gave ${typeof now}`);
}

function clockFailed(what: string, cause?: unknown): TocsinError {
  return new TocsinError('usage', 'clock_failed', `the clock ${what}`, {
    hint: 'Let `now` of the clock return milliseconds since 1970, as Date.now does.',
    cause,
  });
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
