// The engine of everything that waits for its time: follows the streams that it is about, keeps one row
// per thing that waits, sleeps until the next one is due, and hands it over. What a row means, and what
// is done when its time has come, is the caller's.
import { TocsinError } from '../../../domain/core/errors.ts';
import { isOver } from '../../../domain/core/signals.ts';
import { silentLogger } from '../../../domain/ports/logger.ts';
import { backoffMs } from './backoff.ts';
import { dispatcher } from './dispatch.ts';
import { follow } from './follow.ts';
import type { DueProcessOptions } from './options.ts';
import type { Process } from './process.ts';

/**
 * Makes a process of a due index. It begins to hand over rows when it has once caught up with the log;
 * each row is in one hand at a time, many rows at once. Outages are waited out.
 *
 * `run` throws a TocsinError `refused` when the index is of another log than `store`, and `usage` when
 * store or index are closed under it.
 */
export function dueProcess(options: DueProcessOptions): Process {
  const { logger = silentLogger, name, random, pause } = options;
  return {
    name,
    async run(signal) {
      let failures = 0;
      const onProgress = (): void => {
        failures = 0;
      };
      while (!signal.aborted) {
        const outage = await runUntilOutage(options, signal, onProgress);
        if (outage === undefined || isOver(signal)) return;
        const waitMs = backoffMs(failures, random);
        failures += 1;
        logger.warn({ process: name, reason: outage.message, waitMs }, 'the process waits');
        await pause(waitMs, signal);
      }
    },
  };
}

/** Follows and hands over until the signal, or until something is away for the moment. */
async function runUntilOutage(
  options: DueProcessOptions,
  signal: AbortSignal,
  onProgress: () => void,
): Promise<TocsinError | undefined> {
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const hands = dispatcher(options, both);
  const following = follow(options, both, {
    stepped(keys) {
      onProgress();
      hands.stepped(keys);
    },
    caughtUp() {
      onProgress();
      hands.begin();
      options.onCaughtUp?.();
    },
  });
  // Whichever ends first ends the other; what is in hand is finished before the answer.
  const endBoth = (): void => {
    stop.abort();
  };
  const parts = [following, hands.run()].map((part) => part.finally(endBoth));
  const failed = (await Promise.allSettled(parts)).find(({ status }) => status === 'rejected');
  if (failed?.status !== 'rejected') return undefined;
  const error: unknown = failed.reason;
  if (error instanceof TocsinError && error.kind === 'unavailable') return error;
  throw error;
}
