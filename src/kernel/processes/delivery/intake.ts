// Takes messages in: each request becomes a delivery record. The message is acknowledged when the record is
// durable and before any attempt, so retries never fill the queue.
import { z } from 'zod';
import { TocsinError } from '../../../domain/core/errors.ts';
import { deliveryStream } from '../../../domain/delivery/stream.ts';
import { silentLogger } from '../../../domain/ports/logger.ts';
import { childSpan, noTelemetry, traceparentOf } from '../../../domain/ports/telemetry.ts';
import type {
  RequestMessage,
  RequestStream,
  RequestQueue,
  Acknowledgement,
} from './request-queue.ts';
import { readControl } from '../../control/control.ts';
import { silentReport, type Process, type ProcessReport } from '../due/process.ts';
import { isOver } from '../../../domain/core/signals.ts';
import { err, type Result } from '../../../domain/core/result.ts';
import { changeDelivery, deliveryDecider, type DeliveryContext } from './delivery-decider.ts';
import type { DeliveryIndex } from './delivery-index.ts';
import {
  emptyMemory,
  judgeInTime,
  refuse,
  type ForgeryOptions,
  type Memory,
} from './forged-messages.ts';
import { recoverPassed, type PassedOptions } from './passed-requests.ts';
import type { IsSameLog } from './known-log.ts';
import {
  factsOf,
  readRequest,
  type FoundRequest,
  type NoRequest,
  type RequestLocation,
} from './read-request.ts';

export type IntakeOptions = DeliveryContext &
  ForgeryOptions & {
    readonly requests: RequestQueue;
    /** Finds requests that the queue has passed without a record. */
    readonly passed?: Pick<PassedOptions, 'index'> | undefined;
    /** Has the deliveries, and counts forged messages. */
    readonly list?: Pick<DeliveryIndex, 'get' | 'addForged'> | undefined;
    /** False while another log is in place, for instance an older copy. Default: it never is. */
    readonly isSameLog?: IsSameLog | undefined;
  };

/** The headers that locate a request; all other facts are read from the log. */
const RequestHeaders = z.object({
  id: z.uuid(),
  stream: z.string().min(1).max(512),
  revision: z.string().regex(/^\d{1,19}$/),
});

/** Checks, a second apart, until the log has recorded a stream that was created again. */
const MAX_FOREIGN_CHECKS = 15;

export function intakeProcess(options: IntakeOptions): Process {
  return {
    name: 'delivery-intake',
    run(signal, report) {
      let foreign = 0;
      const memory = emptyMemory(options);
      return options.requests.run({
        signal,
        report,
        async check(stream) {
          const owner = await inspectStream(options, stream);
          foreign = owner === 'foreign' ? foreign + 1 : 0;
          if (foreign > MAX_FOREIGN_CHECKS) throw otherStream(stream);
          return owner === 'ours' ? 'go' : 'wait';
        },
        handle: (message) => intakeMessage(options, message, signal, memory),
        passed: (upTo) => recover(options, upTo, signal, report),
      });
    },
  };
}

/** Health is red while requests may be missing: what failed is tried again. */
async function recover(
  options: IntakeOptions,
  upTo: bigint,
  signal: AbortSignal,
  report: ProcessReport = silentReport,
): Promise<void> {
  const { passed, letThrough, isSameLog = always, logger = silentLogger } = options;
  if (passed === undefined || letThrough === undefined) return;
  try {
    const accepting = (found: FoundRequest) => accept(options, found);
    const recovering = { ...options, ...passed, letThrough, isSameLog, accept: accepting };
    await recoverPassed(recovering, upTo, signal);
    report.works();
  } catch (error) {
    if (isOver(signal)) return;
    const reason = error instanceof Error ? error.message : String(error);
    report.waits(`requests that the stream no longer holds were not looked for: ${reason}`);
    logger.warn({ upTo: String(upTo), err: error }, 'passed requests were not checked; try again');
  }
}

const always = (): Promise<boolean> => Promise.resolve(true);

/** Takes one message in: the log decides whether its request is real, and evidence whether it was let through. */
export async function intakeMessage(
  options: IntakeOptions,
  message: RequestMessage,
  signal?: AbortSignal,
  memory: Memory = emptyMemory(options),
): Promise<Acknowledgement> {
  const { headers } = message;
  const location = RequestHeaders.safeParse({
    id: headers.get('ce-id'),
    stream: headers.get('Tocsin-Stream'),
    revision: headers.get('Tocsin-Revision'),
  });
  if (!location.success) return terminate(options, message, 'broken_headers');
  const { id, ...request } = location.data;
  const found = await requestOf(options, id, request);
  if (found === undefined) return 'nak';
  if (!found.ok) return terminate(options, message, found.error);
  if (found.value.request.mock) return terminate(options, message, 'mock');
  const judgement = await judgeInTime(options, message, found.value, signal, memory);
  if (judgement === 'undecided') return 'nak';
  memory.waiting.delete(message.sequence);
  if (judgement !== 'genuine') return refuse(options, message, id, judgement);
  await accept(options, found.value);
  return (await isRecorded(options, found.value)) ? 'ack' : 'nak';
}

/**
 * The request that a message names. What a copy of the log does not hold, the log may: it is asked again after it was
 * recognised.
 *
 * @returns `undefined` while another log is in place
 */
async function requestOf(
  { store, kernel, isSameLog = always }: IntakeOptions,
  id: string,
  location: RequestLocation,
): Promise<Result<FoundRequest, NoRequest | 'other_id'> | undefined> {
  const read = async (): Promise<Result<FoundRequest, NoRequest | 'other_id'>> => {
    const found = await readRequest(store, kernel, location);
    return found.ok && found.value.notificationId !== id ? err('other_id') : found;
  };
  const found = await read();
  if (found.ok) return found;
  return (await isSameLog()) ? read() : undefined;
}

/**
 * Whether a record is in the log, and not in a copy that was in its place. Where a projection has the verdicts, requests
 * that only a copy has recorded are found again later, and nobody asks.
 */
async function isRecorded(
  { store, kernel, letThrough, isSameLog }: IntakeOptions,
  found: FoundRequest,
): Promise<boolean> {
  if (letThrough !== undefined || isSameLog === undefined) return true;
  const { notificationId, request } = found;
  // In this order: a copy that has the record was in place before.
  if (!(await isSameLog())) return false;
  const stream = deliveryStream(kernel, request.userId, notificationId);
  return (await deliveryDecider.load(store, stream)).state !== undefined;
}

/** Creates the delivery record of a request, unless it exists. @returns true when it was created */
export async function accept(
  options: DeliveryContext & Pick<IntakeOptions, 'kernel' | 'telemetry'>,
  found: FoundRequest,
): Promise<boolean> {
  const { notificationId, event } = found;
  const facts = factsOf(found);
  const stream = deliveryStream(options.kernel, facts.userId, notificationId);
  const { telemetry = noTelemetry } = options;
  const parent = traceparentOf(event.metadata);
  const span = childSpan(telemetry, 'tocsin.intake', parent);
  let outcome = 'failed';
  try {
    const { traceparent = parent } = span;
    const result = await changeDelivery(
      options,
      stream,
      { kind: 'accept', facts },
      { traceparent },
    );
    const wasCreated = result.ok && result.value.events.length > 0;
    outcome = wasCreated ? 'accepted' : 'repeated';
    return wasCreated;
  } finally {
    telemetry.count('tocsin.intake.messages', { outcome });
    span.end({
      attributes: { 'tocsin.notification_id': notificationId, 'tocsin.outcome': outcome },
      ...(outcome === 'failed' ? { failed: outcome } : {}),
    });
  }
}

/** Whether the stream is of the log. The messages of another log stay queued for the worker of that log. */
async function inspectStream(
  { store, kernel }: IntakeOptions,
  { stream, created }: RequestStream,
): Promise<'ours' | 'none' | 'foreign'> {
  const output = await recordedOutput(store, kernel);
  if (output === undefined) return 'none';
  return output.stream === stream && output.created === created ? 'ours' : 'foreign';
}

/** An outage ends no worker: the check is repeated. */
async function recordedOutput(store: IntakeOptions['store'], kernel: string) {
  try {
    return (await readControl(store, kernel)).output;
  } catch (error) {
    if (error instanceof TocsinError && error.kind === 'unavailable') return undefined;
    throw error;
  }
}

function otherStream({ stream, created }: RequestStream): TocsinError {
  const message = `this log does not write the stream ${stream} (created ${created})`;
  const hint = 'Check --store, --nats and --stream: they must belong to the same deployment.';
  return new TocsinError('refused', 'inbox_of_other_log', message, { hint });
}

function terminate(
  options: IntakeOptions,
  message: RequestMessage,
  reason: string,
): Acknowledgement {
  const { logger = silentLogger, telemetry = noTelemetry } = options;
  telemetry.count('tocsin.intake.messages', { outcome: 'terminated' });
  const { sequence, subject } = message;
  const about = { sequence: String(sequence), subject, reason };
  logger.warn(about, 'the message is no request of this log and is terminated');
  return 'term';
}
