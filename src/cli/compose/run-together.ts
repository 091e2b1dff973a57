/** Runs all until the signal; when one of them fails, the others are stopped, and then it is told. */
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
