// The scanner: when a due job's time has come, reads the truth again and raises what is to be raised,
// by the same way as everybody. Two may run at once: appends are the fence between them (W8).
import { DEFAULT_KERNEL_NAME, categoryPrefix } from '../domain/core/ids.ts';
import { TocsinError } from '../domain/core/errors.ts';
import type { Finding, Triggered } from './due-job/commands.ts';
import { dueJobKey } from './due-job/decide.ts';
import { dueJobCodec, type DueJobEvent } from './due-job/events.ts';
import type { DueJobState } from './due-job/state.ts';
import { dueJobId, dueJobTraceId, type Subject } from './due-job/stream.ts';
import { detailOf } from './detectors/facts.ts';
import type { RecordedEvent } from '../domain/core/recorded-event.ts';
import type { DetectedTrigger, Detector } from './detectors/detector.ts';
import type { TaskSource } from './tasks/task-source.ts';
import { dueJobDecider, settleDueJob, type DueJobContext } from './due-jobs.ts';
import type { Kernel } from '../kernel/open-kernel.ts';
import { dueProcess } from '../kernel/processes/due/due-process.ts';
import type { DueProcessOptions, DueChange } from '../kernel/processes/due/options.ts';
import type { Process } from '../kernel/processes/due/process.ts';

/** Each look is three appends, one after another; so many looks at once fill a store's groups. */
const DEFAULT_CONCURRENCY = 256;

/** The name of the index that the scanner's rows are in; it changes when the rows' meaning does. */
export const DUE_JOB_INDEX = 'duejob.1';

export type ScannerOptions = Omit<
  DueProcessOptions,
  'name' | 'prefixes' | 'changeOf' | 'handle'
> & {
  /** Raises; on the same store. */
  readonly kernel: Pick<Kernel, 'raise'>;
  readonly source: TaskSource;
  readonly detectors: readonly Detector[];
  /** The kernel's name. Default `tocsin`. */
  readonly kernelName?: string;
};

/**
 * The process that looks at due jobs. `index` is {@link DUE_JOB_INDEX}.
 *
 * Promised: each job is looked at when it is due, and one round of a job raises one trigger, however
 * often scanners die or meet. The trigger's `requestedAt` is the instant of that decision, so what the
 * API raises in the same window is the same trigger (W7).
 */
export function scannerProcess(options: ScannerOptions): Process {
  const { kernelName = DEFAULT_KERNEL_NAME, store } = options;
  const context: DueJobContext = {
    store,
    kernel: kernelName,
    runtime: options,
    actor: 'scanner',
  };
  return dueProcess({
    concurrency: DEFAULT_CONCURRENCY,
    ...options,
    name: 'scanner',
    prefixes: [categoryPrefix(kernelName, 'duejob')],
    changeOf: dueJobRows,
    handle: ({ stream }) => lookAt(options, context, stream),
  });
}

/** What a due job's event changes about its row: the stream's name is its key. */
export function dueJobRows(recorded: RecordedEvent): DueChange | undefined {
  const decoded = dueJobCodec.decode(recorded);
  // What cannot be read is told when the job is loaded; here it changes nothing.
  if (decoded.kind !== 'event') return undefined;
  const { stream } = recorded;
  const until = dueAtOf(decoded.event);
  return until === undefined
    ? { remove: [stream] }
    : { put: [{ key: stream, stream, dueAt: until, rank: 0 }] };
}

function dueAtOf(event: DueJobEvent): number | undefined {
  switch (event.type) {
    case 'DueJobScheduled':
    case 'DueJobRescheduled':
    case 'DueJobDeferred':
      return event.data.triggerAt;
    case 'DueJobFailed':
      return event.data.retryAt;
    case 'DueJobSkipped':
      return event.data.lookAgainAt;
    case 'DueJobCancelled':
    case 'DueJobTriggered':
      return undefined;
  }
}

async function lookAt(
  options: ScannerOptions,
  context: DueJobContext,
  stream: string,
): Promise<void> {
  const loaded = await dueJobDecider.load(options.store, stream);
  const { state } = loaded;
  const { subject, dueAt, triggerAt, round } = state;
  if (subject === undefined || dueAt === undefined || triggerAt === undefined) return;
  if (dueAt > options.now()) return;
  const finding = await examine(options, subject, stream, { ...state, triggerAt });
  const random = options.random();
  await settleDueJob(context, subject, { round, triggerAt, finding, random }, loaded);
}

async function examine(
  { kernel, source, detectors, now }: ScannerOptions,
  subject: Subject,
  stream: string,
  state: DueJobState & { readonly triggerAt: number },
): Promise<Finding | Triggered> {
  const detector = detectors.find(({ kind }) => kind === subject.kind);
  const jobId = dueJobId(stream);
  if (detector === undefined) {
    return { kind: 'skip', code: 'detector_missing', seen: state.seen ?? 'nothing' };
  }
  try {
    const { triggerAt } = state;
    const look = await detector.look(subject, { source, now: now(), jobId, triggerAt });
    if (look.kind !== 'raise') return look;
    const key = dueJobKey(jobId, state.round, triggerAt);
    return await raise(kernel, subject, look.trigger, { jobId, key, seen: look.seen });
  } catch (error) {
    // Outages are waited out without a word in the log; the rest is tried again, and told there.
    if (error instanceof TocsinError && error.kind !== 'usage') throw error;
    if (error instanceof TocsinError && error.code === 'kernel_closed') throw error;
    return { kind: 'fail', code: 'trigger_publish_failed', detail: detailOf(error) };
  }
}

async function raise(
  kernel: ScannerOptions['kernel'],
  subject: Subject,
  trigger: DetectedTrigger,
  about: { readonly jobId: string; readonly key: string; readonly seen: string },
): Promise<Finding | Triggered> {
  const { jobId, key, seen } = about;
  const result = await kernel.raise(
    {
      ...trigger,
      userId: subject.userId,
      source: 'worker_due_job',
      // No `requestedAt`: a repeat after a crash has to be the same request.
      idempotencyKey: key,
      jobId,
      traceId: dueJobTraceId(subject, jobId),
    },
    { actor: 'scanner' },
  );
  switch (result.outcome) {
    case 'raised':
    case 'duplicate': {
      const { triggerId, duplicate } = result;
      return { kind: 'triggered', triggerId, duplicate, seen };
    }
    case 'rejected':
    case 'idempotency_conflict':
      // The same request would be refused again; a change of the subject makes another one.
      return { kind: 'skip', code: 'trigger_rejected', detail: detailOf(result.message), seen };
    case 'conflict':
    case 'unknown':
      return { kind: 'fail', code: 'trigger_publish_failed', detail: detailOf(result.message) };
  }
}
