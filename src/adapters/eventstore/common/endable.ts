// An async iterable that ends immediately when its reader leaves, also while it waits for a page.

/**
 * Runs a generator per iteration, with a signal that aborts with any of `signals` and when the reader leaves.
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
          // A generator handles return() only after its current wait, so abort the wait.
          left.abort();
          return pages.return(undefined);
        },
      };
    },
  };
}
