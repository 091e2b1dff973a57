// Handles a delivery that is due: carries out the steps that the domain decides. Another worker may
// handle the same delivery at the same time; the append that starts an attempt is the fence.
import { backoffMs, PROCESS_BACKOFF } from '../../../domain/core/backoff.ts';
import { TocsinError } from '../../../domain/core/errors.ts';
import {
  nextStep,
  type ChannelFacts,
  type NextStep,
  type RequestFacts,
} from '../../../domain/delivery/next-step.ts';
import type { DeliveryState } from '../../../domain/delivery/state.ts';
import { outgoingMessage } from '../../../domain/delivery/message.ts';
import { silentLogger, type Logger } from '../../../domain/ports/logger.ts';
import type { Texts } from '../../../domain/notification/texts.ts';
import type {
  ChannelLookup,
  ChannelReport,
  Sender,
  SendOutcome,
} from '../../../domain/ports/sender.ts';
import type { Loaded } from '../../decider/decider.ts';
import type { Runtime } from '../../../domain/ports/runtime.ts';
import { callWithinLease } from './call-within-lease.ts';
import type { ChannelLimiter, Release } from './channel-limiter.ts';
import { readRequest } from './read-request.ts';
import { deliveryDecider, changeDelivery, type DeliveryContext } from './delivery-decider.ts';

export type AttemptContext = {
  readonly kernel: string;
  readonly records: DeliveryContext;
  readonly runtime: Runtime;
  readonly lookup: ChannelLookup;
  readonly send: Sender;
  readonly limiter: ChannelLimiter;
  readonly wording: { readonly texts: Texts; readonly frontendUrl: string };
  readonly leaseMs: number;
  /** False: nothing is sent; deliveries are skipped with the reason `delivery_disabled`. */
  readonly enabled: boolean;
  readonly report?: ChannelReport | undefined;
  readonly logger?: Logger | undefined;
};

/** Handles one delivery until it waits, ends, or its attempt is over. */
export async function handleDue(
  context: AttemptContext,
  stream: string,
  signal: AbortSignal,
): Promise<void> {
  const { records, runtime } = context;
  const loaded = await deliveryDecider.load(records.store, stream);
  let request: RequestFacts | undefined;
  let channel: ChannelFacts | undefined;
  let release: Release | undefined;
  let outcome: SendOutcome | undefined;
  try {
    for (;;) {
      const step = nextStep(loaded.state, request, channel, runtime.now());
      switch (step.kind) {
        case 'none':
        case 'wait':
          return;
        case 'read_request':
          request = await readRequest(records.store, context.kernel, step.source);
          break;
        case 'look_up_channel':
          ({ channel, release } = await lookUpChannel(context, step));
          break;
        case 'make_attempt':
          outcome = await makeAttempt(context, { stream, loaded, ...step }, signal);
          return;
        case 'expire_lease':
        case 'defer':
        case 'skip':
        case 'expire':
        case 'cancel':
        case 'give_up':
          await changeDelivery(records, stream, step, { loaded });
          return;
      }
    }
  } finally {
    const retryAfterMs = outcome?.outcome === 'throttled' ? outcome.retryAfterMs : undefined;
    release?.(runtime.now(), outcome?.outcome, retryAfterMs);
  }
}

/** Looks up the channel and takes a call slot of its limits, which the caller releases. */
async function lookUpChannel(
  { enabled, lookup, limiter, runtime }: AttemptContext,
  { userId, channel }: Extract<NextStep, { kind: 'look_up_channel' }>,
): Promise<{ readonly channel: ChannelFacts; readonly release?: Release }> {
  if (!enabled) return { channel: { kind: 'closed', reason: 'delivery_disabled' } };
  const found = await lookup(userId, channel);
  if (found.kind === 'closed') return { channel: found };
  const slot = limiter.acquire(found.target, runtime.now());
  return slot.kind === 'busy' ? { channel: slot } : { channel: found, release: slot.release };
}

type Attempt = Extract<NextStep, { kind: 'make_attempt' }> & {
  readonly stream: string;
  readonly loaded: Loaded<DeliveryState>;
};

/** @returns the outcome of the call; `undefined` when this worker made no call */
async function makeAttempt(
  context: AttemptContext,
  step: Attempt,
  signal: AbortSignal,
): Promise<SendOutcome | undefined> {
  const { records, runtime, send, wording, leaseMs } = context;
  const { stream, loaded, attempt, delivery, request, target } = step;
  const { version: channelVersion } = target;
  const start = { kind: 'start', attempt, leaseMs, channelVersion } as const;
  const result = await changeDelivery(records, stream, start, { loaded });
  const started = result.ok
    ? result.value.events.find(({ type }) => type === 'AttemptStarted')
    : undefined;
  if (started?.type !== 'AttemptStarted') return undefined;
  const { leaseUntil } = started.data;
  const message = outgoingMessage(delivery.facts, request, attempt, wording);
  const call = { ...runtime, send, message, target, leaseUntil, signal };
  const { outcome, wasMade, late } = await callWithinLease(call);
  if (late !== undefined)
    void late.then((lateOutcome) => recordOutcome(context, step, lateOutcome));
  await recordOutcome(context, step, outcome, result.ok ? result.value.after : undefined);
  return wasMade ? outcome : undefined;
}

/** After this many tries to record an outcome the lease expires instead. */
const MAX_TRIES = 8;
/** The time of one try, in milliseconds: a worker that stops has ten seconds for everything. */
const TRY_DEADLINE_MS = 3_000;

/** Records an outcome; an outage of the store must not lose it while the process lives. */
async function recordOutcome(
  context: AttemptContext,
  { stream, attempt, target, delivery }: Attempt,
  outcome: SendOutcome,
  loaded?: Loaded<DeliveryState>,
): Promise<void> {
  const { records, runtime, report, logger = silentLogger } = context;
  for (let tries = 1; ; tries += 1) {
    try {
      const command = { kind: 'record_outcome', attempt, outcome } as const;
      await changeDelivery(records, stream, command, { deadlineMs: TRY_DEADLINE_MS, loaded });
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
  const { channel, version } = target;
  const { userId } = delivery.facts;
  const { channel: advice, code } = outcome;
  try {
    await report?.({ userId, channel, version, advice, code });
  } catch (error) {
    // The delivery is recorded; the next attempt on this channel reports again.
    logger.warn({ userId, channel, err: error }, 'the state of a channel was not recorded');
  }
}
