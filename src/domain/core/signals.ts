// Abort signals: whether they are raised, and promises that end early when a signal is raised.

/** True once the signal is aborted. A function: the compiler assumes that a property keeps its value. */
export function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}

const ABORTED = Symbol('aborted');

/**
 * The result of `work`, or of `onAbort` when the signal is raised first. The signal keeps no listener. `work`
 * itself goes on after an abort; how it ends is ignored.
 */
export async function unlessAborted<T, A>(
  work: Promise<T>,
  signal: AbortSignal,
  onAbort: () => A,
): Promise<T | A> {
  const { promise: aborted, resolve } = Promise.withResolvers<typeof ABORTED>();
  const abort = (): void => {
    resolve(ABORTED);
  };
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    const first = await Promise.race([work, aborted]);
    return first === ABORTED ? onAbort() : first;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/**
 * The result of `work`, which goes on after an abort: use it for work without effects.
 * @throws the signal's reason as soon as the signal is raised
 */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return unlessAborted(work, signal, () => {
    throw signal.reason;
  });
}

/** Runs all until the signal. When one fails, stops the others, waits for them and rethrows the error. */
export async function runTogether(
  signal: AbortSignal,
  runs: readonly ((signal: AbortSignal) => Promise<void>)[],
): Promise<undefined> {
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const ends = runs.map((run) =>
    run(both).catch((error: unknown) => {
      stop.abort();
      throw error;
    }),
  );
  await Promise.allSettled(ends);
  await Promise.all(ends);
}
