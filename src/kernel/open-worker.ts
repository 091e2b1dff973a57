// A worker: runs several processes together and stops them together.
import { TocsinError } from '../domain/core/errors.ts';
import { isOver, unlessAborted } from '../domain/core/signals.ts';
import { silentLogger, type Logger } from '../domain/ports/logger.ts';
import { systemRuntime, withDeadline } from './decider/runtime.ts';
import type { Process } from './processes/due/process.ts';
import { partBoard, type PartStatus } from './processes/part-board.ts';

/** Options of {@link openWorker}. The caller closes stores and indexes after the worker stopped. */
export type WorkerOptions = {
  /** Started in this order; names must be unique. */
  readonly processes: readonly Process[];
  readonly logger?: Logger;
  /** @internal How long a stop waits for the processes, in milliseconds; for tests. */
  readonly stopWithinMs?: number;
};

/** A stop may take ten seconds; the rest is for closing stores and indexes. */
const STOP_WITHIN_MS = 9_000;

export type WorkerStatus = {
  /** Names of the running processes. */
  readonly running: readonly string[];
  /** Every process of the worker, with what it does. */
  readonly processes: readonly PartStatus[];
  /** Why the worker ended, unless its signal ended it. */
  readonly failure: string | undefined;
};

export interface Worker {
  /**
   * Runs every process until the signal, and finishes work in progress. When one process fails, all of them stop.
   * A process that does not end within nine seconds, as its store is away, is left behind; the next worker takes up
   * its work, as after a crash. @throws TocsinError the error of the process that failed first
   */
  run(signal: AbortSignal): Promise<void>;
  status(): WorkerStatus;
}

/** Opens a worker; several may run at once. @throws TocsinError `usage` when two processes have the same name */
export function openWorker(options: WorkerOptions): Worker {
  const { processes, logger = silentLogger, stopWithinMs = STOP_WITHIN_MS } = options;
  assertNames(processes);
  const board = partBoard(
    processes.map(({ name }) => name),
    logger,
  );
  let failure: string | undefined;

  const runOne = async (process: Process, signal: AbortSignal): Promise<void> => {
    const { name } = process;
    board.started(name);
    try {
      await process.run(signal, board.reportOf(name));
      if (!isOver(signal)) logger.error({ process: name }, 'a process ended before the worker');
    } catch (error) {
      failure ??= `${name}: ${error instanceof Error ? error.message : String(error)}`;
      logger.error({ process: name, err: error }, 'a process failed; the worker stops');
      throw error;
    } finally {
      board.stopped(name);
    }
  };

  return {
    status() {
      const all = board.status();
      const running = all.filter(({ state }) => state !== 'stopped').map(({ name }) => name);
      return { running, processes: all, failure };
    },
    async run(signal) {
      const stop = new AbortController();
      const both = AbortSignal.any([signal, stop.signal]);
      const ends = processes.map((process) =>
        runOne(process, both).catch((error: unknown) => {
          stop.abort();
          throw error;
        }),
      );
      // All processes end before the first failure is thrown.
      const ended = Promise.allSettled(ends).then(() => true);
      const notYet = (): boolean => false;
      const isStopped =
        (await unlessAborted(ended, both, notYet)) ||
        (await withDeadline(systemRuntime(), stopWithinMs, () => ended, notYet));
      const left = board.status().filter(({ state }) => state !== 'stopped');
      const names = left.map(({ name }) => name);
      if (!isStopped) logger.warn({ processes: names }, 'left behind by the stop');
      await (isStopped ? Promise.all(ends) : Promise.race([...ends, Promise.resolve()]));
    },
  };
}

function assertNames(processes: readonly Process[]): void {
  const names = processes.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return;
  throw new TocsinError('usage', 'process_twice', `two processes have the name ${twice}`, {
    hint: 'Run two processes of one kind in two workers.',
  });
}
