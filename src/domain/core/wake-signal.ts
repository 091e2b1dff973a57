// One process wakes another: a ring while nobody waits is not lost.
import type { Runtime } from '../../kernel/processes/due/options.ts';

export type WakeSignal = {
  readonly ring: () => void;
  /** Waits for a ring since the last wait, for the time, or for the signal. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
};

export function wakeSignal(surroundings: Pick<Runtime, 'pause'>): WakeSignal {
  let rung = new AbortController();
  return {
    ring: () => {
      rung.abort('ring');
    },
    async wait(ms, signal) {
      await surroundings.pause(ms, AbortSignal.any([rung.signal, signal]));
      rung = new AbortController();
    },
  };
}
