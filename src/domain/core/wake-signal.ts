// Wakes every waiter after a change. Wait in a loop that checks its condition, because a waiter can be woken
// without a change.

export type WakeSignal = {
  /** Wakes everyone who waits; with nobody waiting, the next wait returns at once. */
  readonly wake: () => void;
  /** Resolves at the next wake. */
  readonly next: () => Promise<void>;
  /** Sleeps until the next wake, the signal, or the end of `ms` milliseconds by `pause`. */
  readonly sleep: (
    pause: (ms: number, signal: AbortSignal) => Promise<void>,
    ms: number,
    signal: AbortSignal,
  ) => Promise<void>;
};

export function wakeSignal(): WakeSignal {
  let isWoken = false;
  let waiting = new Set<() => void>();
  const wait = (onWake: () => void): void => {
    if (isWoken) onWake();
    else waiting.add(onWake);
    isWoken = false;
  };
  return {
    wake() {
      isWoken = waiting.size === 0;
      const woken = waiting;
      waiting = new Set();
      for (const onWake of woken) onWake();
    },
    next: () => new Promise(wait),
    async sleep(pause, ms, signal) {
      const end = new AbortController();
      const onEnd = (): void => {
        // A reason of its own, because an error object for each wake would cost more than the wake.
        end.abort('woken');
      };
      wait(onEnd);
      if (signal.aborted) onEnd();
      signal.addEventListener('abort', onEnd, { once: true });
      await pause(ms, end.signal);
      signal.removeEventListener('abort', onEnd);
      waiting.delete(onEnd);
    },
  };
}
