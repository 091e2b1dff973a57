// What is done about a record whose time has come: look at the record, at the log and at the channel,
// begin an attempt or end the delivery, call, and write down what became of it.
import { TocsinError } from '../../../domain/core/errors.ts';
import { LEASE_MARGIN_MS, type DeliveryCommand } from '../../../domain/delivery/decide.ts';
import { outgoingMessage } from '../../../domain/delivery/message.ts';
import type { Delivery, DeliveryState } from '../../../domain/delivery/state.ts';
import { silentLogger, type Logger } from '../../../domain/ports/logger.ts';
import type { Texts } from '../../../domain/notification/texts.ts';
import type {
  ChannelLookup,
  ChannelTarget,
  Sender,
  SendOutcome,
} from '../../../domain/ports/sender.ts';
import type { Loaded } from '../../decider/decider.ts';
import { backoffMs } from '../due/backoff.ts';
import type { Runtime } from '../../../domain/ports/runtime.ts';
import { callWithinLease } from './call-within-lease.ts';
import type { ChannelGate } from './channel-gate.ts';
import { deliveryDecider, tell, type RecordContext } from './record.ts';
import { readRequest, type FoundRequest } from './read-request.ts';

/** Told when a provider says something about the channel itself: it is gone, or needs its owner. */
export type ChannelReport = (report: {
  readonly userId: string;
  readonly channel: ChannelTarget['channel'];
  readonly version: number;
  readonly advice: 'disable' | 'needs_attention';
  readonly code: string;
}) => Promise<void>;

export type AttemptContext = {
  readonly kernel: string;
  readonly records: RecordContext;
  readonly surroundings: Runtime;
  readonly lookup: ChannelLookup;
  readonly send: Sender;
  readonly gate: ChannelGate;
  readonly wording: { readonly texts: Texts; readonly frontendUrl: string };
  readonly leaseMs: number;
  /** False: nothing is sent; what would be is skipped (`delivery_disabled`). */
  readonly enabled: boolean;
  readonly report?: ChannelReport | undefined;
  readonly logger?: Logger | undefined;
};

/** Does what is due about one record; another worker may do the same at the same time. */
export async function handleDue(
  context: AttemptContext,
  stream: string,
  signal: AbortSignal,
): Promise<void> {
  const { records, surroundings } = context;
  const loaded = await deliveryDecider.load(records.store, stream);
  const delivery = loaded.state;
  if (delivery === undefined) return;
  const { phase, open } = delivery;
  const now = surroundings.now();
  if (phase.status === 'attempting' && open !== undefined) {
    if (now < open.leaseUntil + LEASE_MARGIN_MS) return;
    await tell(records, stream, { kind: 'lapse', attempt: open.attempt }, { loaded });
    return;
  }
  if (phase.status !== 'waiting' || phase.dueAt > now) return;
  const found = await readRequest(records.store, context.kernel, {
    stream: delivery.facts.source.stream,
    revision: BigInt(delivery.facts.source.revision),
  });
  const end = endOf(delivery, found, now);
  if (end !== undefined) {
    await tell(records, stream, end, { loaded });
    return;
  }
  if (!found.ok) return;
  await toChannel(context, { stream, loaded, delivery, found: found.value }, signal);
}

/** Why nothing is to be sent any more, as a command. */
function endOf(
  { facts }: Delivery,
  found: Awaited<ReturnType<typeof readRequest>>,
  now: number,
): DeliveryCommand | undefined {
  if (now >= facts.expiresAt) return { kind: 'expire' };
  if (!found.ok) {
    return { kind: 'die', reason: 'request_unreadable', detail: `in the log: ${found.error}` };
  }
  const { ended } = found.value;
  if (ended === 'expired') return { kind: 'expire' };
  return ended === undefined ? undefined : { kind: 'cancel', reason: `preview_${ended}` };
}

/** One record, as it was found, and what it is about. */
type Matter = {
  readonly stream: string;
  readonly loaded: Loaded<DeliveryState>;
  readonly delivery: Delivery;
  readonly found: FoundRequest;
};

async function toChannel(
  context: AttemptContext,
  matter: Matter,
  signal: AbortSignal,
): Promise<void> {
  const { records, gate, surroundings } = context;
  const { stream, loaded } = matter;
  const { userId, channel } = matter.delivery.facts;
  if (!context.enabled) {
    await tell(records, stream, { kind: 'skip', reason: 'delivery_disabled' }, { loaded });
    return;
  }
  const there = await context.lookup(userId, channel);
  if (there.kind === 'closed') {
    await tell(records, stream, { kind: 'skip', reason: there.reason }, { loaded });
    return;
  }
  const { target } = there;
  const admission = gate.enter(target, surroundings.now());
  if (admission.kind === 'wait') {
    const { until, reason } = admission;
    await tell(records, stream, { kind: 'defer', until, reason }, { loaded });
    return;
  }
  let outcome: SendOutcome | undefined;
  try {
    outcome = await attempt(context, matter, target, signal);
  } finally {
    const retryAfterMs = outcome?.outcome === 'throttled' ? outcome.retryAfterMs : undefined;
    admission.leave(surroundings.now(), outcome?.outcome, retryAfterMs);
  }
}

/** @returns what became of the call; `undefined` when none was made, or by another worker */
async function attempt(
  context: AttemptContext,
  { stream, loaded, delivery, found }: Matter,
  target: ChannelTarget,
  signal: AbortSignal,
): Promise<SendOutcome | undefined> {
  const { records, surroundings, send, wording, leaseMs } = context;
  const number = delivery.attempts + 1;
  const { version: channelVersion } = target;
  const begin = { kind: 'start', attempt: number, leaseMs, channelVersion } as const;
  const told = await tell(records, stream, begin, { loaded });
  const started = told.ok
    ? told.value.events.find(({ type }) => type === 'AttemptStarted')
    : undefined;
  if (started?.type !== 'AttemptStarted') return undefined;
  const { leaseUntil } = started.data;
  const notice = outgoingMessage(delivery, found.request, number, wording);
  const calling = { ...surroundings, send, notice, target, leaseUntil, signal };
  const { outcome, wasMade, late } = await callWithinLease(calling);
  const about = { stream, attempt: number, target, facts: delivery.facts };
  if (late !== undefined) void late.then((word) => settle(context, about, word));
  await settle(context, about, outcome, told.ok ? told.value.after : undefined);
  return wasMade ? outcome : undefined;
}

/** This often is an outcome brought to the record; after that, its lease runs out. */
const SETTLE_TRIES = 8;
/** How long one try may take: a worker that stops has ten seconds for everything. */
const SETTLE_DEADLINE_MS = 3_000;

type Attempted = {
  readonly stream: string;
  readonly attempt: number;
  readonly target: ChannelTarget;
  readonly facts: Delivery['facts'];
};

/** Writes an outcome down; an outage of the store must not lose it while the process lives. */
async function settle(
  context: AttemptContext,
  { stream, attempt, target, facts }: Attempted,
  outcome: SendOutcome,
  loaded?: Loaded<DeliveryState>,
): Promise<void> {
  const { records, surroundings, logger = silentLogger } = context;
  for (let tries = 1; ; tries += 1) {
    try {
      const settled = { kind: 'settle', attempt, outcome } as const;
      await tell(records, stream, settled, { deadlineMs: SETTLE_DEADLINE_MS, loaded });
      break;
    } catch (error) {
      const isAway = error instanceof TocsinError && error.kind === 'unavailable';
      if (!isAway || tries === SETTLE_TRIES) {
        logger.error({ stream, attempt, err: error }, 'an outcome could not be recorded');
        return;
      }
      await records.runtime.pause(backoffMs(tries, surroundings.random));
    }
  }
  if (outcome.outcome !== 'permanent' || outcome.channel === undefined) return;
  const { userId, channel } = facts;
  const { version } = target;
  try {
    await context.report?.({
      userId,
      channel,
      version,
      advice: outcome.channel,
      code: outcome.code,
    });
  } catch (error) {
    // The record is right; the next attempt at this channel finds out again.
    logger.warn({ userId, channel, err: error }, 'a channel’s state could not be recorded');
  }
}
