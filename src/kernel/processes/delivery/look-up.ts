// What a delivery needs of the embedder before an attempt: the user's channel, and the texts. Their functions may throw,
// hang or answer anything; then the delivery waits, and the others go on.
import { TocsinError } from '../../../domain/core/errors.ts';
import type { Instant } from '../../../domain/core/instants.ts';
import type { ChannelFacts } from '../../../domain/delivery/next-step.ts';
import { obstacleUntil } from '../../../domain/delivery/retry-schedule.ts';
import type { Wording } from '../../../domain/delivery/message.ts';
import type { NotificationRequest } from '../../../domain/notification/events.ts';
import { silentLogger, type Logger } from '../../../domain/ports/logger.ts';
import type { Runtime } from '../../../domain/ports/runtime.ts';
import { callHost } from '../../decider/host-calls.ts';
import type { ChannelLimiter, Release } from './channel-limiter.ts';
import type { FindChannel, OpenChannel } from './open-channel.ts';
import type { WordingOf } from './wording.ts';

/** What a lookup found: the channel, and the call slot that it holds. */
export type Found = {
  readonly channel: ChannelFacts;
  readonly open?: OpenChannel;
  readonly release?: Release;
};

export type LookUpContext = {
  readonly runtime: Runtime;
  readonly findChannel: FindChannel;
  readonly wordingOf: WordingOf;
  /** Bounds the calls of senders. */
  readonly limiter: ChannelLimiter;
  /** Bounds the lookups of a channel that hang, so that those of others find a slot. */
  readonly lookups: ChannelLimiter;
  readonly logger?: Logger | undefined;
};

/** The delivery that needs something. */
export type Needing = {
  readonly stream: string;
  readonly userId: string;
  readonly channel: string;
  readonly requestedAt: Instant;
  readonly expiresAt: Instant;
};

const NO_LIMITS = { inFlight: Infinity, rates: [] };

/** Looks up the channel and takes a call slot of its limits, which the caller releases. */
export async function lookUpChannel(
  context: LookUpContext,
  delivery: Needing,
  stop: AbortSignal,
): Promise<Found> {
  const { runtime, findChannel, limiter, lookups } = context;
  const { userId, channel } = delivery;
  const slot = lookups.acquire({ limitKey: channel, limits: NO_LIMITS }, runtime.now());
  if (slot.kind === 'busy') return { channel: slot };
  const what = `the lookup of the channel ${channel}`;
  try {
    const find = (signal: AbortSignal) => findChannel(userId, channel, signal);
    const found = await callHost(runtime, { what, stop }, find);
    slot.release(runtime.now(), 'accepted');
    if (found.kind === 'closed') return { channel: found };
    const open = found.channel;
    const place = limiter.acquire(open, runtime.now());
    if (place.kind === 'busy') return { channel: place };
    return { channel: { kind: 'open' }, open, release: place.release };
  } catch (error) {
    // `throttled` says that it is slow, and not that it fails: a fault may be of one user only.
    slot.release(runtime.now(), isLate(error) ? 'throttled' : undefined);
    stop.throwIfAborted();
    // The store is away, or the vault lacks the secrets: no event can be written, or none is needed.
    if (error instanceof TocsinError && error.kind === 'unavailable') throw error;
    return { channel: { kind: 'busy', ...waitAfter(context, delivery, 'lookup_failed', error) } };
  }
}

/** The wording of a message; or until when the delivery waits for it. */
export async function lookUpWording(
  context: LookUpContext,
  delivery: Needing,
  request: NotificationRequest,
  stop: AbortSignal,
): Promise<
  | { readonly kind: 'found'; readonly wording: Wording }
  | { readonly kind: 'defer'; readonly until: Instant; readonly reason: string }
> {
  const { runtime, wordingOf } = context;
  const what = `the texts of the trigger type ${request.triggerType}`;
  try {
    const find = (signal: AbortSignal) => wordingOf(request, signal);
    return { kind: 'found', wording: await callHost(runtime, { what, stop }, find) };
  } catch (error) {
    stop.throwIfAborted();
    return { kind: 'defer', ...waitAfter(context, delivery, 'texts_failed', error) };
  }
}

/** Reports what failed. The wait is an event, so the delivery leaves the head of the due index. */
function waitAfter(
  { runtime, logger = silentLogger }: Pick<LookUpContext, 'runtime' | 'logger'>,
  delivery: Needing,
  reason: string,
  error: unknown,
): { readonly until: Instant; readonly reason: string } {
  const now = runtime.now();
  const until = obstacleUntil(delivery, now);
  const { stream, userId, channel } = delivery;
  const about = { stream, userId, channel, reason, waitMs: until - now, err: error };
  logger.error(about, 'a delivery waits, as a function of the embedder failed');
  return { until, reason };
}

function isLate(error: unknown): boolean {
  return error instanceof TocsinError && error.code === 'host_timeout';
}
