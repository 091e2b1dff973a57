// The scanner: inspects the subjects of due jobs and raises triggers through the kernel. Several
// scanners may run at once: their appends state the expected revision.
import { DEFAULT_KERNEL_NAME, categoryPrefix } from '../domain/core/ids.ts';
import { TocsinError } from '../domain/core/errors.ts';
import type { InspectionResult, Triggered } from './due-job/commands.ts';
import { dueJobKey } from './due-job/decide.ts';
import { dueJobCodec, type DueJobEvent } from './due-job/events.ts';
import type { DueJobState } from './due-job/state.ts';
import { dueJobId, dueJobTraceId, type JobSubject } from './due-job/stream.ts';
import { errorDetail, type DetectedTrigger, type Detector } from './detectors/detector.ts';
import type { RecordedEvent } from '../domain/core/recorded-event.ts';
import type { TaskSource } from './tasks/task-source.ts';
import { dueJobDecider, recordInspection, type DueJobContext } from './due-jobs.ts';
import type { Call } from '../kernel/decider/decider.ts';
import type { RaiseResult } from '../kernel/raise/raise-result.ts';
import type { RaiseInput } from '../domain/trigger/commands.ts';
import { dueProcess } from '../kernel/processes/due/due-process.ts';
import type { DueProcessOptions, DueChange } from '../kernel/processes/due/options.ts';
import type { Process } from '../kernel/processes/due/process.ts';

/** Each inspection is three appends in sequence; so many at once fill a store's group commits. */
const DEFAULT_CONCURRENCY = 256;

/** The name of the scanner's index; it changes with the meaning of the rows. */
export const DUE_JOB_INDEX = 'duejob.1';

export type ScannerOptions = Omit<
  DueProcessOptions,
  'name' | 'prefixes' | 'changeOf' | 'handle'
> & {
  /** Raises the triggers; on the same store. */
  readonly kernel: { readonly raise: (input: RaiseInput, call?: Call) => Promise<RaiseResult> };
  readonly source: TaskSource;
  readonly detectors: readonly Detector[];
  /** The kernel's name. Default `tocsin`. */
  readonly kernelName?: string;
};

/**
 * The process that inspects the subjects of due jobs. `index` is opened as {@link DUE_JOB_INDEX}.
 *
 * Each subject is inspected when its job is due, and one round of a job raises one trigger, also after
 * crashes and with several scanners. The trigger's `requestedAt` is the instant of the raise, so a raise
 * of the API in the same window is the same trigger.
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
    handle: ({ stream }) => inspectJob(options, context, stream),
  });
}

/** How an event changes the job's row in the index; the row's key is the stream's name. */
export function dueJobRows(recorded: RecordedEvent): DueChange | undefined {
  const decoded = dueJobCodec.decode(recorded);
  // An event that cannot be read is reported when the job is loaded.
  if (decoded.kind !== 'event') return undefined;
  const { stream } = recorded;
  const dueAt = dueAtOf(decoded.event);
  return dueAt === undefined
    ? { remove: [stream] }
    : { put: [{ key: stream, stream, dueAt, rank: 0 }] };
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
      return event.data.inspectAgainAt;
    case 'DueJobCancelled':
    case 'DueJobTriggered':
      return undefined;
  }
}

async function inspectJob(
  options: ScannerOptions,
  context: DueJobContext,
  stream: string,
): Promise<void> {
  const loaded = await dueJobDecider.load(options.store, stream);
  const { state } = loaded;
  const { subject, dueAt, triggerAt, round } = state;
  if (subject === undefined || dueAt === undefined || triggerAt === undefined) return;
  if (dueAt > options.now()) return;
  const result = await inspectSubject(options, subject, stream, { ...state, triggerAt });
  const random = options.random();
  await recordInspection(context, subject, { round, triggerAt, result, random }, loaded);
}

async function inspectSubject(
  { kernel, source, detectors, now }: ScannerOptions,
  subject: JobSubject,
  stream: string,
  state: DueJobState & { readonly triggerAt: number },
): Promise<InspectionResult | Triggered> {
  const detector = detectors.find(({ kind }) => kind === subject.kind);
  const jobId = dueJobId(stream);
  if (detector === undefined) {
    return { kind: 'skip', code: 'detector_missing', fingerprint: state.fingerprint ?? 'nothing' };
  }
  try {
    const { triggerAt } = state;
    const inspection = await detector.inspect(subject, { source, now: now(), jobId, triggerAt });
    if (inspection.kind !== 'raise') return inspection;
    const key = dueJobKey(jobId, state.round, triggerAt);
    const { trigger, fingerprint } = inspection;
    return await raise(kernel, subject, trigger, { jobId, key, fingerprint });
  } catch (error) {
    // An outage writes no event: the process itself retries. Other errors are recorded and retried.
    if (error instanceof TocsinError && error.kind !== 'usage') throw error;
    if (error instanceof TocsinError && error.code === 'kernel_closed') throw error;
    return { kind: 'fail', code: 'trigger_publish_failed', detail: errorDetail(error) };
  }
}

async function raise(
  kernel: ScannerOptions['kernel'],
  subject: JobSubject,
  trigger: DetectedTrigger,
  about: { readonly jobId: string; readonly key: string; readonly fingerprint: string },
): Promise<InspectionResult | Triggered> {
  const { jobId, key, fingerprint } = about;
  const result = await kernel.raise(
    {
      ...trigger,
      userId: subject.userId,
      source: 'worker_due_job',
      // No `requestedAt`: a repeat after a crash must have the same request hash.
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
      return { kind: 'triggered', triggerId, duplicate, fingerprint };
    }
    case 'rejected':
    case 'idempotency_conflict':
      // The same request would be refused again; a change of the subject makes a new one.
      return {
        kind: 'skip',
        code: 'trigger_rejected',
        detail: errorDetail(result.message),
        fingerprint,
      };
    case 'conflict':
    case 'unknown':
      return { kind: 'fail', code: 'trigger_publish_failed', detail: errorDetail(result.message) };
  }
}
