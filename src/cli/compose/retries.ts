// A daemon that starts while its store is away waits for it.
import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs, PROCESS_BACKOFF } from '../../domain/core/backoff.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { unlessAborted } from '../../domain/core/signals.ts';
import type { ProcessReport } from '../../kernel/processes/due/process.ts';
import type { Logger } from '../../domain/ports/logger.ts';

/** The result of `open`, tried again while a dependency is away; `undefined` when the signal is aborted first. */
export async function withRetries<T>(
  open: () => Promise<T>,
  logger: Logger,
  signal: AbortSignal,
  report: ProcessReport,
): Promise<T | undefined> {
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    try {
      const opened = await unlessAborted(open(), signal, () => undefined);
      report.works();
      return opened;
    } catch (error) {
      if (!(error instanceof TocsinError) || error.kind !== 'unavailable') throw error;
      const waitMs = Math.round(backoffMs(attempt, PROCESS_BACKOFF, Math.random));
      report.waits(error.message);
      logger.warn({ reason: error.message, waitMs }, 'the store cannot be reached; trying again');
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    }
  }
  return undefined;
}
