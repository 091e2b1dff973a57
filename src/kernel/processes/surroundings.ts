// The real surroundings of a process: the system's clock, timers and chance.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../domain/ports/clock.ts';
import type { Surroundings } from './due-options.ts';

/** What processes take time and chance from outside of tests. */
export function systemSurroundings(clock?: Clock): Surroundings {
  return {
    now: clock === undefined ? Date.now : clock.now,
    elapsed: () => performance.now(),
    pause: async (ms, signal) => {
      // The signal ends the wait; that it was raised, the caller sees.
      await sleep(ms, undefined, { signal }).catch(() => undefined);
    },
    random: Math.random,
  };
}
