// What a run from the command line has: lines with the seconds since it began, and an end by signal.

/** Begins a run. */
export function openRun(): {
  readonly say: (text: string) => void;
  /** Raised by the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
} {
  const begun = performance.now();
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => {
      stop.abort();
    });
  }
  return {
    say(text) {
      process.stdout.write(`${((performance.now() - begun) / 1_000).toFixed(1)} ${text}\n`);
    },
    signal: stop.signal,
  };
}
