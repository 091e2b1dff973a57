// A process of the worker: it runs until its signal and waits out every outage. Several workers may run the
// same process at once, because each append states its expected revision.
import { backoffMs, PROCESS_BACKOFF } from '../../../domain/core/backoff.ts';
import { TocsinError } from '../../../domain/core/errors.ts';
import { isOver } from '../../../domain/core/signals.ts';
import { silentLogger, type Logger } from '../../../domain/ports/logger.ts';
import type { Runtime } from '../../../domain/ports/runtime.ts';

export type Process = {
  /** Short and stable; logs and metrics use it. */
  readonly name: string;
  /**
   * Runs until the signal, and finishes the work in progress.
   * @param report says what the process waits for, for health and metrics; absent: nobody asks
   * @throws TocsinError only for an error that another try cannot help, such as an index of another log
   */
  readonly run: (signal: AbortSignal, report?: ProcessReport) => Promise<void>;
};

/** What a process tells while it runs. Each call replaces the one before it. */
export type ProcessReport = {
  /** It works, or has nothing to do. */
  readonly works: () => void;
  /** It cannot go on by itself: a server is away, or something that it needs is missing. `reason` holds no secret. */
  readonly waits: (reason: string) => void;
};

const ignore = (): void => undefined;

/** Tells nobody. */
export const silentReport: ProcessReport = { works: ignore, waits: ignore };

/** Runs `work` until it returns or the signal is aborted, again after each outage, with backoff. */
export async function restartAfterOutages(
  options: Pick<Runtime, 'pause' | 'random'> & {
    readonly name: string;
    readonly logger?: Logger | undefined;
  },
  signal: AbortSignal,
  report: ProcessReport,
  work: (onProgress: () => void) => Promise<void>,
): Promise<void> {
  const { name, pause, random, logger = silentLogger } = options;
  let failures = 0;
  const onProgress = (): void => {
    failures = 0;
    report.works();
  };
  while (!isOver(signal)) {
    try {
      await work(onProgress);
      return;
    } catch (error) {
      if (!(error instanceof TocsinError) || error.kind !== 'unavailable') throw error;
      if (isOver(signal)) return;
      const waitMs = backoffMs(failures, PROCESS_BACKOFF, random);
      failures += 1;
      report.waits(error.message);
      logger.debug({ process: name, reason: error.message, waitMs }, 'the process tries again');
      await pause(waitMs, signal);
    }
  }
}
