// A process of the worker: something that goes on for ever, waits out every outage by itself, and stops
// with its signal. Several of the same kind may run at once: appends are the fence between them.

export type Process = {
  /** Short and stable; logs and metrics name it. */
  readonly name: string;
  /**
   * Runs until the signal, finishing what is under way.
   * @throws TocsinError only for what cannot be waited out (another log than the index belongs to, say)
   */
  readonly run: (signal: AbortSignal) => Promise<void>;
};
