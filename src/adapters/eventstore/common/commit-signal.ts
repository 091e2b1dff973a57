// Wakes subscriptions after a commit, so that they need no polling.

/** Counts commits and wakes subscriptions that wait for the next one. */
export type CommitSignal = {
  readonly count: () => number;
  readonly notify: () => void;
  /** Resolves once the count differs from `seen`, or the signal is aborted. Never rejects. */
  readonly changed: (seen: number, signal: AbortSignal) => Promise<void>;
};

export function commitSignal(): CommitSignal {
  let count = 0;
  const waiting = new Set<() => void>();
  return {
    count: () => count,
    notify() {
      count += 1;
      for (const wake of waiting) wake();
    },
    changed(seen, signal) {
      // A commit between the last read of the log and this call has changed the count.
      if (seen !== count || signal.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const wake = (): void => {
          waiting.delete(wake);
          signal.removeEventListener('abort', wake);
          resolve();
        };
        waiting.add(wake);
        signal.addEventListener('abort', wake);
      });
    },
  };
}
