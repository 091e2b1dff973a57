// The channels that a worker serves: those whose addresses users configure in Tocsin, and the embedder's own.
import { z } from 'zod';
import { TocsinError } from '../../../domain/core/errors.ts';
import { issuesOf, messageOf } from '../../../domain/core/input.ts';
import { isChannel } from '../../../domain/core/vocabulary.ts';
import type { ChannelReport, OutgoingMessage, Sender } from '../../../domain/ports/sender.ts';
import type { ChannelLookup, SendOutcome } from '../../../domain/ports/sender.ts';
import { callSender, callUnknownSender } from '../../channels/call-sender.ts';
import {
  DEFAULT_LIMITS,
  type ChannelLimits,
  type LimitedChannel,
  type LimitsOf,
} from './channel-limiter.ts';

/** A user's open channel, with its sender. */
export type OpenChannel = LimitedChannel & {
  /** Counts the configurations of a channel of Tocsin; 1 for the embedder's own. */
  readonly version: number;
  /** Makes one attempt. Never throws. */
  readonly send: (message: OutgoingMessage, signal: AbortSignal) => Promise<SendOutcome>;
};

/** The signal is raised when nobody waits for the answer any more. */
export type FindChannel = (
  userId: string,
  channel: string,
  signal: AbortSignal,
) => Promise<
  | { readonly kind: 'open'; readonly channel: OpenChannel }
  | { readonly kind: 'closed'; readonly reason: string }
>;

/** A channel of the embedder's own, made by {@link defineChannel}. */
export type DeliveryChannel = {
  readonly find: (userId: string, signal: AbortSignal) => ReturnType<FindChannel>;
};

/** What an embedder says of a channel; see {@link defineChannel}. */
export type ChannelSpec<Address> = {
  readonly lookup: (
    userId: string,
    signal: AbortSignal,
  ) => Address | null | undefined | Promise<Address | null | undefined>;
  readonly send: (
    message: OutgoingMessage,
    address: Address,
    signal: AbortSignal,
  ) => Promise<SendOutcome | undefined>;
  readonly limits?: ChannelLimits;
  readonly limitKey?: (address: Address) => string;
};

/** For a channel whose provider states no limits. */
const OWN_LIMITS: ChannelLimits = { inFlight: 16, rates: [] };

/**
 * Defines a channel of the embedder's own, such as e-mail.
 *
 * @param spec.lookup the user's address, of any type; `undefined` or `null`: the user has none, so the delivery is
 * skipped. It may throw, and it has ten seconds; its signal is raised then, and when the worker stops. After either the
 * error is logged, and the delivery waits, at first for five seconds; the deliveries of other users go on.
 * @param spec.send makes one attempt, and ends early at the signal. It resolves to the outcome; to nothing when the
 * provider took the message. An error counts as an unknown outcome: throw only where the message may have been sent.
 * Anything else, such as a provider's own answer, counts as an answer that cannot be read (`sender_result_invalid`): an
 * error is logged, and the second one ends the delivery.
 * @param spec.limits default 16 calls at once
 * @param spec.limitKey what the limits count by. Default: the channel as a whole
 * @example
 * const email = defineChannel({
 *   lookup: (userId) => addresses.get(userId),
 *   send: async ({ title, text }, address) => {
 *     const { messageId } = await mailer.send({ to: address, subject: title, text });
 *     return { outcome: 'accepted', providerMessageId: messageId };
 *   },
 * });
 * @throws TocsinError `invalid_channel` for functions that are missing, and limits out of range
 */
export function defineChannel<Address>(spec: ChannelSpec<Address>): DeliveryChannel {
  const parsed = SpecSchema.safeParse(spec);
  if (!parsed.success) throw invalidChannel(messageOf(issuesOf(parsed.error, { input: spec })));
  const { lookup, limits = OWN_LIMITS, limitKey = () => '' } = spec;
  return {
    async find(userId, signal) {
      const address = await lookup(userId, signal);
      if (address === undefined || address === null)
        return { kind: 'closed', reason: 'no_channel' };
      const send: OpenChannel['send'] = (message, signal) =>
        callUnknownSender(() => spec.send(message, address, signal));
      return { kind: 'open', channel: { version: 1, limitKey: limitKey(address), limits, send } };
    },
  };
}

const fn = z.custom((value) => typeof value === 'function', { error: 'must be a function' });
const MAX_RATE_MS = 24 * 3_600_000;
const COUNT = 'must be a whole number from 1';
const PER = `must be 1 to ${MAX_RATE_MS} ms (a day)`;

const SpecSchema = z.looseObject({
  lookup: fn,
  send: fn,
  limitKey: fn.optional(),
  limits: z
    .object({
      inFlight: z.int({ error: COUNT }).min(1, { error: COUNT }),
      rates: z.array(
        z.object({
          count: z.int({ error: COUNT }).min(1, { error: COUNT }),
          perMs: z.number({ error: PER }).min(1, { error: PER }).max(MAX_RATE_MS, { error: PER }),
        }),
        { error: 'must be a list of { count, perMs }; an empty list for none' },
      ),
    })
    .optional(),
});

function invalidChannel(message: string): TocsinError {
  return new TocsinError('usage', 'invalid_channel', `a channel: ${message}`, {
    hint: 'Make channels by defineChannel({ lookup, send, limits?, limitKey? }), under names of 1 to 32 characters of a-z 0-9 _.',
  });
}

/** @throws TocsinError `invalid_channel` for a name that no event can have, and a value that defineChannel did not make */
function assertChannels(channels: NonNullable<ServedChannels['channels']>): void {
  for (const [name, channel] of Object.entries<unknown>(channels)) {
    if (!isChannel(name)) throw invalidChannel(`the name ${JSON.stringify(name)} is out of range`);
    const isMade = typeof channel === 'object' && channel !== null && 'find' in channel;
    if (!isMade) throw invalidChannel(`${name} was not made by defineChannel`);
  }
}

export type ServedChannels = {
  /** The channels of Tocsin: their lookup, which says that a user has none of another name. */
  readonly lookup?: ChannelLookup | undefined;
  readonly send?: Sender | undefined;
  readonly report?: ChannelReport | undefined;
  readonly limits?: LimitsOf | undefined;
  /** The embedder's own, by name; a name of Tocsin's is replaced. */
  readonly channels?: Readonly<Record<string, DeliveryChannel>> | undefined;
};

/** Finds a user's channel among those that are served. @throws TocsinError `invalid_channel` */
export function channelFinder(served: ServedChannels): FindChannel {
  const { lookup, send, limits = DEFAULT_LIMITS, channels = {} } = served;
  assertChannels(channels);
  return async (userId, channel, signal) => {
    const own = Object.hasOwn(channels, channel) ? channels[channel] : undefined;
    if (own !== undefined) {
      const found = await own.find(userId, signal);
      if (found.kind === 'closed') return found;
      // Two channels with one key are two channels.
      const limitKey = `${channel} ${found.channel.limitKey}`;
      return { kind: 'open', channel: { ...found.channel, limitKey } };
    }
    if (lookup === undefined || send === undefined) return { kind: 'closed', reason: 'no_channel' };
    const found = await lookup(userId, channel, signal);
    if (found.kind === 'closed') return found;
    const { target } = found;
    return {
      kind: 'open',
      channel: {
        version: target.version,
        limitKey: `${target.kind} ${target.url}`,
        limits: limits(target),
        send: (message, signal) => callSender(send, message, target, signal),
      },
    };
  };
}
