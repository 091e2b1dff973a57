// Keeps due jobs in step with the host's tasks and blocks. It remembers nothing: at every start the
// source tells everything as it is, and jobs that are so already write nothing.
import { TocsinError } from '../domain/core/errors.ts';
import { DEFAULT_KERNEL_NAME } from '../domain/core/ids.ts';
import type { Recheck, Watch } from './due-job/commands.ts';
import { dueJobStream } from './due-job/stream.ts';
import type { Detector } from './detectors/detector.ts';
import type { EventStore } from '../domain/ports/event-store.ts';
import { silentLogger, type Logger } from '../domain/ports/logger.ts';
import type { Runtime } from '../domain/ports/runtime.ts';
import type { TaskChange, TaskSource } from './tasks/task-source.ts';
import { watchSubject, type DueJobContext } from './due-jobs.ts';
import { backoffMs, PROCESS_BACKOFF } from '../domain/core/backoff.ts';
import { keyedQueue } from '../domain/core/keyed-queue.ts';
import type { Process } from '../kernel/processes/due/process.ts';

export type TaskFollowerOptions = Runtime & {
  readonly store: EventStore;
  readonly source: Pick<TaskSource, 'changes'>;
  readonly detectors: readonly Detector[];
  /** The kernel's name. Default `tocsin`. */
  readonly kernelName?: string;
  /** Jobs written at once; default 64. */
  readonly concurrency?: number;
  readonly logger?: Logger;
};

const DEFAULT_CONCURRENCY = 64;

/**
 * The process that follows a task source. Changes of one subject are taken in their order; what cannot
 * be written now is tried again with backoff, up to 30 s, and so is a source that fails.
 */
export function taskFollowerProcess(options: TaskFollowerOptions): Process {
  const { detectors, source, logger = silentLogger, pause, random } = options;
  return {
    name: 'task-follower',
    async run(signal) {
      const context = contextOf(options, signal);
      const lanes = keyedQueue(options.concurrency ?? DEFAULT_CONCURRENCY);
      const write = async (seen: Watch | Recheck): Promise<void> => {
        for (let failures = 0; !signal.aborted; failures += 1) {
          try {
            await watchSubject(context, seen);
            return;
          } catch (error) {
            if (!(error instanceof TocsinError) || error.kind === 'usage') throw error;
            const waitMs = backoffMs(failures, PROCESS_BACKOFF, random);
            const about = { job: seen.subject, waitMs, err: error };
            logger.warn(about, 'a due job is not in step with its task');
            // A stream that cannot be read will not be readable in a minute either.
            if (error.kind !== 'unavailable') return;
            await pause(waitMs, signal);
          }
        }
      };
      for (let failures = 0; !signal.aborted; failures += 1) {
        const changes = follow(source, signal, () => {
          failures = 0;
        });
        for await (const change of changes) {
          if (change instanceof Error) {
            logger.error({ err: change }, 'the task source failed; it is asked again');
            continue;
          }
          for (const detector of detectors) {
            const seen = detector.watch(change);
            if (seen === undefined) continue;
            await lanes.add(dueJobStream(context.kernel, seen.subject), () => write(seen));
          }
        }
        await pause(backoffMs(failures, PROCESS_BACKOFF, random), signal);
      }
      await lanes.idle();
    },
  };
}

/** What the source tells, and as the last thing why it stopped, if it fails. */
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
  // A worker that stops waits for no retry.
  const runtime = { ...options, pause: (ms: number) => options.pause(ms, signal) };
  return { store, kernel: kernelName, runtime, actor: 'task-follower' };
}
