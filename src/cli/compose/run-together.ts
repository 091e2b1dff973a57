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
