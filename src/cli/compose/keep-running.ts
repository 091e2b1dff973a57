// A server process of `tocsin start`: it is started again when it ends, and is stopped together with `tocsin
// start`.
import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs, PROCESS_BACKOFF } from '../../domain/core/backoff.ts';
import { isOver } from '../../domain/core/signals.ts';
import type { Logger } from '../../domain/ports/logger.ts';

/** A running child process. */
export type Child = {
  readonly url: string;
  /** Resolves when the process has ended, for whatever reason. */
  readonly exited: Promise<unknown>;
  /** Ends the process within a limit, and resolves when it has ended. */
  readonly stop: () => Promise<void>;
};

export type Kept = AsyncDisposable & { readonly url: string };

export type KeepOptions = {
  /** For log lines. */
  readonly name: string;
  /** Starts the process at the same address; ends it and throws when the signal is aborted. */
  readonly launch: (signal: AbortSignal) => Promise<Child>;
  readonly logger: Logger;
};

/** Restarts the process whenever it ends, until disposal, which stops it. Its clients see an outage and retry. */
export function keepRunning(first: Child, { name, launch, logger }: KeepOptions): Kept {
  const stop = new AbortController();
  const { signal } = stop;
  let child = first;

  const restarted = async (): Promise<Child> => {
    for (let failures = 0; ; failures += 1) {
      await sleep(backoffMs(failures, PROCESS_BACKOFF, Math.random), undefined, { signal });
      try {
        return await launch(signal);
      } catch (error) {
        signal.throwIfAborted();
        logger.error({ server: name, err: error }, 'a server could not be started again');
      }
    }
  };
  const watch = async (): Promise<void> => {
    for (;;) {
      await child.exited;
      if (isOver(signal)) return;
      logger.warn({ server: name }, 'a server ended; starting it again');
      child = await restarted();
    }
  };
  const watching = watch().catch((error: unknown) => {
    if (!isOver(signal)) throw error;
  });

  return {
    url: first.url,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await child.stop();
      await watching;
      // A restart may have been completed meanwhile.
      await child.stop();
    },
  };
}
