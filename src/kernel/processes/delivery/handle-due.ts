// Handles a delivery that is due: carries out the steps that the domain decides. Another worker may
// handle the same delivery at the same time; the append that starts an attempt is the fence.
import { backoffMs, PROCESS_BACKOFF } from '../../../domain/core/backoff.ts';
import { isJsonObject } from '../../../domain/core/json.ts';
import { sealOf } from '../../../domain/core/personal.ts';
import { TocsinError } from '../../../domain/core/errors.ts';
import { deliveryCodec } from '../../../domain/delivery/events.ts';
import { nextStep, type NextStep } from '../../../domain/delivery/next-step.ts';
import { throttleMs } from '../../../domain/delivery/retry-schedule.ts';
import type { DeliveryCommand } from '../../../domain/delivery/decide.ts';
import type { DeliveryState } from '../../../domain/delivery/state.ts';
import { outgoingMessage } from '../../../domain/delivery/message.ts';
import { silentLogger } from '../../../domain/ports/logger.ts';
import { childSpan, traceparentOf, type Telemetry } from '../../../domain/ports/telemetry.ts';
import type { ChannelReport, SendOutcome } from '../../../domain/ports/sender.ts';
import type { Loaded } from '../../decider/decider.ts';
import { callHost } from '../../decider/host-calls.ts';
import { callWithinLease, CUT_OFF_MS } from './call-within-lease.ts';
import { isInLog, otherLog, type IsSameLog } from './known-log.ts';
import { lookUpChannel, lookUpWording, type Found, type LookUpContext } from './look-up.ts';
import type { OpenChannel } from './open-channel.ts';
import { INVALID_RESULT, RESULT_HINT } from '../../channels/call-sender.ts';
import { secretsMissing } from '../../channels/secrets.ts';
import { readRequest, type FoundRequest } from './read-request.ts';
import { CHANNEL_WARNINGS, reportAttempt, reportBreaker, reportChange } from './report-delivery.ts';
import { deliveryDecider, changeDelivery, type DeliveryContext } from './delivery-decider.ts';

export type AttemptContext = LookUpContext & {
  readonly kernel: string;
  readonly records: DeliveryContext;
  readonly leaseMs: number;
  /** False: nothing is sent; deliveries are skipped with the reason `delivery_disabled`. */
  readonly enabled: boolean;
  readonly report?: ChannelReport | undefined;
  readonly telemetry: Telemetry;
  /** False while another log is in place, for instance an older copy. Default: it never is. */
  readonly isSameLog?: IsSameLog | undefined;
};

/** Handles one delivery until it waits, ends, or its attempt is over. */
export async function handleDue(
  context: AttemptContext,
  stream: string,
  signal: AbortSignal,
): Promise<void> {
  const { records, runtime } = context;
  const loaded = await deliveryDecider.load(records.store, stream);
  const about = { stream, facts: loaded.state?.facts };
  let request: Awaited<ReturnType<typeof readRequest>> | undefined;
  let found: Found | undefined;
  let outcome: SendOutcome | undefined;
  try {
    for (;;) {
      const step = nextStep(loaded.state, request, found?.channel, runtime.now());
      switch (step.kind) {
        case 'none':
        case 'wait':
          return;
        case 'read_request':
          request = await readRequest(records.store, context.kernel, step.source);
          break;
        case 'look_up_channel':
          found = context.enabled
            ? await lookUpChannel(context, { stream, ...step.delivery }, signal)
            : DISABLED;
          break;
        case 'make_attempt':
          if (found?.open === undefined) throw new TypeError('an attempt needs an open channel');
          if (request?.ok === true) assertReadable(request.value.event);
          outcome = await makeAttempt(
            context,
            { stream, loaded, open: found.open, parent: contextOf(request), ...step },
            signal,
          );
          return;
        case 'expire_lease':
        case 'defer':
        case 'skip':
        case 'expire':
        case 'cancel':
        case 'withdraw':
        case 'give_up':
          await change(context, { ...about, loaded, traceparent: contextOf(request) }, step);
          return;
      }
    }
  } finally {
    const waitMs = outcome?.outcome === 'throttled' ? throttleMs(outcome.retryAfterMs) : undefined;
    const breaker = found?.release?.(runtime.now(), outcome?.outcome, waitMs);
    reportBreaker(context.logger, about.facts?.channel ?? '', breaker);
  }
}

/** Where the request's trace goes on. */
function contextOf(request: Awaited<ReturnType<typeof readRequest>> | undefined) {
  return request?.ok === true ? traceparentOf(request.value.event.metadata) : undefined;
}

type Changed = {
  readonly stream: string;
  readonly facts: NonNullable<DeliveryState>['facts'] | undefined;
};

/** Changes the delivery, and reports what became of it. */
async function change(
  context: AttemptContext,
  { stream, facts, ...call }: Changed & Parameters<typeof changeDelivery>[3],
  command: DeliveryCommand,
) {
  const changed = await changeDelivery(context.records, stream, command, call);
  if (changed.ok && facts !== undefined) reportChange(context, changed.value.events, facts);
  return changed;
}

/** The personal part is unsealed with the user's key; without the key the message would have no content. */
function assertReadable({ data, stream }: FoundRequest['event']): void {
  if (!isJsonObject(data) || sealOf(data) === undefined) return;
  throw secretsMissing(`the vault lacks the user’s key for the content of ${stream}`);
}

const DISABLED: Found = { channel: { kind: 'closed', reason: 'delivery_disabled' } };

type Attempt = Extract<NextStep, { kind: 'make_attempt' }> & {
  readonly stream: string;
  readonly open: OpenChannel;
  readonly loaded: Loaded<DeliveryState>;
  /** The trace of the request. */
  readonly parent: string | undefined;
};

/** @returns the outcome of the call; `undefined` when this worker made no call */
async function makeAttempt(
  context: AttemptContext,
  step: Attempt,
  signal: AbortSignal,
): Promise<SendOutcome | undefined> {
  const { runtime, leaseMs, telemetry } = context;
  const { stream, loaded, attempt, delivery, request, payload, open, parent } = step;
  const { version: channelVersion, send } = open;
  // Before the fence: an error of the embedder's texts must not leave an open attempt behind.
  const needing = { stream, ...delivery.facts };
  const texts = await lookUpWording(context, needing, request, signal);
  if (texts.kind === 'defer') {
    await change(context, { stream, facts: delivery.facts, traceparent: parent, loaded }, texts);
    return undefined;
  }
  const facts = outgoingMessage(delivery.facts, { request, payload }, attempt, texts.wording);
  const start = { kind: 'start', attempt, leaseMs, channelVersion } as const;
  const span = childSpan(telemetry, 'tocsin.attempt', parent);
  const { traceparent = parent } = span;
  const about = { stream, facts: delivery.facts, traceparent };
  const result = await change(context, { ...about, loaded }, start);
  const started = result.ok
    ? result.value.events.find(({ type }) => type === 'AttemptStarted')
    : undefined;
  if (started?.type !== 'AttemptStarted') {
    span.end({ attributes: { 'tocsin.outcome': 'fenced' } });
    return undefined;
  }
  const { leaseUntil } = started.data;
  // A fence in a copy of the log fences nothing: the same attempt would begin again in the log.
  const isHeld = (): Promise<boolean> => holdsAttempt(context, stream, leaseUntil);
  const isFenced = await isInLog(context, isHeld, leaseUntil - CALL_MS, signal);
  if (isFenced === false) throw otherLog();
  if (isFenced === undefined) {
    span.end({ attributes: { 'tocsin.outcome': 'log_away' } });
    const detail = 'no call was made: the event store went away after the attempt began';
    await recordOutcome(context, step, { outcome: 'transient', code: 'log_away', detail });
    return undefined;
  }
  const message = traceparent === undefined ? facts : { ...facts, traceparent };
  const call = { ...runtime, send, message, leaseUntil, signal };
  const begun = performance.now();
  const { outcome, wasMade, late } = await callWithinLease(call);
  reportAttempt(context, span, { channel: delivery.facts.channel, attempt, outcome, begun });
  const recorded = { ...step, parent: traceparent };
  if (late !== undefined)
    void late.then((lateOutcome) => recordOutcome(context, recorded, lateOutcome));
  await recordOutcome(context, recorded, outcome, result.ok ? result.value.after : undefined);
  return wasMade ? outcome : undefined;
}

/** Nothing much comes behind the start of an attempt while it runs. */
const LAST_FEW = { direction: 'backwards', maxCount: 4 } as const;

/** Whether the stream has the start of an attempt; its lease recognises it. */
async function holdsAttempt(
  { records }: AttemptContext,
  stream: string,
  leaseUntil: number,
): Promise<boolean> {
  for await (const page of records.store.readStream(stream, LAST_FEW)) {
    for (const recorded of page) {
      const decoded = deliveryCodec.decode(recorded);
      if (decoded.kind !== 'event' || decoded.event.type !== 'AttemptStarted') continue;
      return decoded.event.data.leaseUntil === leaseUntil;
    }
  }
  return false;
}

/** What a call needs at least of its lease, in milliseconds. */
const CALL_MS = CUT_OFF_MS + 1_000;

/** After this many tries to record an outcome the lease expires instead. */
const MAX_TRIES = 8;
/** The time of one try, in milliseconds: a worker that stops has ten seconds for everything. */
const TRY_DEADLINE_MS = 3_000;

/** Records an outcome; an outage of the store must not lose it while the process lives. */
async function recordOutcome(
  context: AttemptContext,
  { stream, attempt, open, delivery, parent: traceparent }: Attempt,
  outcome: SendOutcome,
  loaded?: Loaded<DeliveryState>,
): Promise<void> {
  const { runtime, report, logger = silentLogger } = context;
  if (outcome.code === INVALID_RESULT) {
    const { channel } = delivery.facts;
    const { detail } = outcome.outcome === 'accepted' ? {} : outcome;
    logger.error({ stream, channel, attempt, detail, hint: RESULT_HINT }, 'a sender is wrong');
  }
  let isOver: boolean;
  for (let tries = 1; ; tries += 1) {
    try {
      const command = { kind: 'record_outcome', attempt, outcome } as const;
      const { facts } = delivery;
      const call = { stream, facts, deadlineMs: TRY_DEADLINE_MS, loaded, traceparent };
      const changed = await change(context, call, command);
      isOver = changed.ok && changed.value.events.some(({ type }) => type === 'DeliveryDied');
      break;
    } catch (error) {
      const isOutage = error instanceof TocsinError && error.kind === 'unavailable';
      if (!isOutage || tries === MAX_TRIES) {
        logger.error({ stream, attempt, err: error }, 'the outcome of an attempt was not recorded');
        return;
      }
      await runtime.pause(backoffMs(tries, PROCESS_BACKOFF, runtime.random));
    }
  }
  if (outcome.outcome !== 'permanent' || outcome.channel === undefined) return;
  if (outcome.confirm === true && !isOver) return;
  const { version } = open;
  const { userId, channel } = delivery.facts;
  const { channel: advice, code } = outcome;
  logger.warn({ userId, channel, code, advice }, CHANNEL_WARNINGS.failing);
  try {
    const what = 'the report of a channel';
    await callHost(runtime, { what }, () => report?.({ userId, channel, version, advice, code }));
  } catch (error) {
    // The delivery is recorded; the next attempt on this channel reports again.
    logger.warn({ userId, channel, err: error }, 'the state of a channel was not recorded');
  }
}
