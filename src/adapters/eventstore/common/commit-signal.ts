// Wakes subscriptions when something was committed, so that nobody polls.

/** Counts commits and wakes those who wait for the next one. */
export type CommitSignal = {
  readonly count: () => number;
  readonly notify: () => void;
  /** Resolves once the count is not `seen` any more, or the signal is aborted. Never rejects. */
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
      // Comparing counts closes the gap between the last look at the log and the wait.
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
