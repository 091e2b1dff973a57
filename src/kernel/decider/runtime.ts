// The real surroundings of a process: the system's clock, timers and chance.
import type { Clock } from '../../domain/ports/clock.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import type { ExecuteContext } from './execute.ts';
import type { Runtime } from '../processes/due/options.ts';

/** What processes take time and chance from outside of tests. */
export function systemRuntime(clock?: Clock): Runtime {
  return {
    now: clock === undefined ? Date.now : clock.now,
    elapsed: () => performance.now(),
    pause,
    random: Math.random,
  };
}

/** The signal ends the wait; that it was raised, the caller sees. Waits end often: an error for each would cost. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const timer = setTimeout(resolve, ms);
  signal.addEventListener('abort', resolve, { once: true });
  await promise;
  clearTimeout(timer);
  signal.removeEventListener('abort', resolve);
}

/** What commands on a store take from their surroundings. */
export function executeContext(
  store: EventStore,
  { now, elapsed, random, pause }: Runtime = systemRuntime(),
): ExecuteContext {
  const unstoppable = new AbortController().signal;
  return { store, now, elapsed, random, pause: (ms) => pause(ms, unstoppable) };
}
