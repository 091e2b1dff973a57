// A sequence that ends at once when its reader leaves, also while the next page is awaited.

/**
 * Runs a generator per iteration and gives it a signal that is raised when one of `signals` is, or when
 * the reader leaves the loop.
 */
export function endable<T>(
  signals: readonly (AbortSignal | undefined)[],
  run: (signal: AbortSignal) => AsyncGenerator<T, undefined, undefined>,
): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const left = new AbortController();
      const given = signals.filter((signal) => signal !== undefined);
      const pages = run(AbortSignal.any([left.signal, ...given]));
      return {
        next: () => pages.next(),
        return() {
          // A generator that waits takes its return() only after the wait: end the wait.
          left.abort();
          return pages.return(undefined);
        },
      };
    },
  };
}
