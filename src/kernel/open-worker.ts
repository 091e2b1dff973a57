// A worker: the processes that go on behind the raises, run together and stopped together.
import { TocsinError } from '../domain/core/errors.ts';
import { silentLogger, type Logger } from '../domain/ports/logger.ts';
import type { Process } from './processes/due/process.ts';

/** What a worker is opened with. Whoever opened stores and indexes closes them, after it stopped. */
export type WorkerOptions = {
  /** In the order in which they are begun; no two of the same name. */
  readonly processes: readonly Process[];
  readonly logger?: Logger;
};

export type WorkerStatus = {
  /** The processes that are running, by name. */
  readonly running: readonly string[];
  /** Why it ended, when it did not end by its signal. */
  readonly failure: string | undefined;
};

export interface Worker {
  /**
   * Runs every process until the signal, and finishes what is under way. When one of them cannot go on,
   * all of them stop.
   *
   * @throws TocsinError what that process threw
   */
  run(signal: AbortSignal): Promise<void>;
  status(): WorkerStatus;
}

/**
 * Opens a worker on a list of processes; several workers may run at once, on one machine or on many.
 *
 * @throws TocsinError `usage` when two processes have the same name
 */
export function openWorker({ processes, logger = silentLogger }: WorkerOptions): Worker {
  assertNames(processes);
  const running = new Set<string>();
  let failure: string | undefined;

  const runOne = async (process: Process, signal: AbortSignal): Promise<void> => {
    const { name } = process;
    running.add(name);
    try {
      await process.run(signal);
    } catch (error) {
      failure ??= `${name}: ${error instanceof Error ? error.message : String(error)}`;
      logger.error({ process: name, err: error }, 'a process cannot go on; the worker stops');
      throw error;
    } finally {
      running.delete(name);
    }
  };

  return {
    status: () => ({ running: [...running], failure }),
    async run(signal) {
      const stop = new AbortController();
      const both = AbortSignal.any([signal, stop.signal]);
      const ends = processes.map((process) =>
        runOne(process, both).catch((error: unknown) => {
          stop.abort();
          throw error;
        }),
      );
      // All have stopped before anybody hears of the first failure.
      await Promise.allSettled(ends);
      await Promise.all(ends);
    },
  };
}

function assertNames(processes: readonly Process[]): void {
  const names = processes.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return;
  throw new TocsinError('usage', 'process_twice', `two processes are called ${twice}`, {
    hint: 'Two of a kind go into two workers.',
  });
}
