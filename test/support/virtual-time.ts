// Time in a test's hands: it stands still until it is moved, and says what waits for it.
import { randomUUID } from 'node:crypto';
import type { Runtime } from '../../src/domain/ports/runtime.ts';

export type VirtualTime = Runtime & {
  /** Moves time on, and ends the pauses that are over then, the earliest first. */
  readonly advance: (ms: number) => void;
  /** When the pauses that are under way will end, the earliest first. */
  readonly waits: () => readonly number[];
};

/** @param random what every draw gives; 1 makes backoff its longest */
export function virtualTime(start = Date.UTC(2026, 0, 1, 10), random = 1): VirtualTime {
  let now = start;
  const pauses = new Set<{ readonly until: number; readonly wake: () => void }>();
  const inOrder = () => [...pauses].sort((a, b) => a.until - b.until);
  return {
    now: () => now,
    elapsed: () => now - start,
    random: () => random,
    newId: randomUUID,
    pause(ms, signal) {
      if (signal?.aborted === true) return Promise.resolve();
      return new Promise((resolve) => {
        const entry = {
          until: now + ms,
          wake: () => {
            pauses.delete(entry);
            signal?.removeEventListener('abort', entry.wake);
            resolve();
          },
        };
        pauses.add(entry);
        signal?.addEventListener('abort', entry.wake, { once: true });
      });
    },
    advance(ms) {
      now += ms;
      for (const { until, wake } of inOrder()) if (until <= now) wake();
    },
    waits: () => inOrder().map(({ until }) => until),
  };
}
