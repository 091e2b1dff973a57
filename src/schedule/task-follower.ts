// Adapts due jobs to changes of the host's tasks and blocks. It has no checkpoint: at every start the
// source yields all of them, and jobs that are up to date write nothing.
import { TocsinError } from '../domain/core/errors.ts';
import { DEFAULT_KERNEL_NAME } from '../domain/core/ids.ts';
import type { JobUpdate } from './due-job/commands.ts';
import { dueJobStream } from './due-job/stream.ts';
import type { Detector } from './detectors/detector.ts';
import type { EventStore } from '../domain/ports/event-store.ts';
import { silentLogger, type Logger } from '../domain/ports/logger.ts';
import { noTelemetry, type Telemetry } from '../domain/ports/telemetry.ts';
import type { Runtime } from '../domain/ports/runtime.ts';
import type { TaskChange, TaskSource } from './tasks/task-source.ts';
import { updateDueJob, type DueJobContext } from './due-jobs.ts';
import { backoffMs, PROCESS_BACKOFF } from '../domain/core/backoff.ts';
import { keyedQueue } from '../domain/core/keyed-queue.ts';
import { silentReport, type Process } from '../kernel/processes/due/process.ts';

export type TaskFollowerOptions = Runtime & {
  readonly store: EventStore;
  readonly source: Pick<TaskSource, 'changes'>;
  readonly detectors: readonly Detector[];
  /** The kernel's name. Default `tocsin`. */
  readonly kernelName?: string;
  /** Jobs written at once; default 64. */
  readonly concurrency?: number;
  readonly logger?: Logger;
  readonly telemetry?: Telemetry;
};

const DEFAULT_CONCURRENCY = 64;

/** Follows a task source. Changes of one subject are written in order; failures are retried, at most 30 s apart. */
export function taskFollowerProcess(options: TaskFollowerOptions): Process {
  const { detectors, source, logger = silentLogger, pause, random } = options;
  const { telemetry = noTelemetry } = options;
  return {
    name: 'task-follower',
    async run(signal, report = silentReport) {
      const context = contextOf(options, signal);
      const queue = keyedQueue(options.concurrency ?? DEFAULT_CONCURRENCY);
      const write = async (update: JobUpdate): Promise<void> => {
        for (let failures = 0; !signal.aborted; failures += 1) {
          try {
            await updateDueJob(context, update);
            telemetry.count('tocsin.task.updates', { outcome: 'written' });
            report.works();
            return;
          } catch (error) {
            if (!(error instanceof TocsinError) || error.kind === 'usage') throw error;
            const waitMs = backoffMs(failures, PROCESS_BACKOFF, random);
            const about = { job: update.subject, waitMs, err: error };
            telemetry.count('tocsin.task.updates', { outcome: 'failed' });
            logger.warn(about, 'a due job could not be adapted to its task');
            // Retries do not help where the stream cannot be read.
            if (error.kind !== 'unavailable') return;
            report.waits(error.message);
            await pause(waitMs, signal);
          }
        }
      };
      for (let failures = 0; !signal.aborted; failures += 1) {
        const changes = follow(source, signal, () => {
          failures = 0;
          report.works();
        });
        for await (const change of changes) {
          if (change instanceof Error) {
            report.waits(change.message);
            logger.error({ err: change }, 'the task source failed; it is read again');
            continue;
          }
          for (const detector of detectors) {
            const update = detector.plan(change);
            if (update === undefined) continue;
            await queue.add(dueJobStream(context.kernel, update.subject), () => write(update));
          }
        }
        await pause(backoffMs(failures, PROCESS_BACKOFF, random), signal);
      }
      await queue.idle();
    },
  };
}

/** The source's changes, and at last the error if the source fails. */
async function* follow(
  source: TaskFollowerOptions['source'],
  signal: AbortSignal,
  onChange: () => void,
): AsyncGenerator<TaskChange | Error, void, undefined> {
  try {
    for await (const change of source.changes(signal)) {
      onChange();
      yield change;
    }
  } catch (error) {
    if (!signal.aborted) yield error instanceof Error ? error : new Error(String(error));
  }
}

function contextOf(options: TaskFollowerOptions, signal: AbortSignal): DueJobContext {
  const { store, kernelName = DEFAULT_KERNEL_NAME } = options;
  // A retry of an append must not delay the worker's stop.
  const runtime = { ...options, pause: (ms: number) => options.pause(ms, signal) };
  return { store, kernel: kernelName, runtime, actor: 'task-follower' };
}
