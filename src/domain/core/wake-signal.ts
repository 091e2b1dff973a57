// One process wakes another: a ring while nobody waits is not lost.

export type WakeSignal = {
  readonly ring: () => void;
  /** Waits for a ring since the last wait, for the time, or for the signal. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
};

export function wakeSignal(runtime: {
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
}): WakeSignal {
  let rung = new AbortController();
  return {
    ring: () => {
      rung.abort('ring');
    },
    async wait(ms, signal) {
      await runtime.pause(ms, AbortSignal.any([rung.signal, signal]));
      rung = new AbortController();
    },
  };
}
