// The events of a user's channel. Secrets are in the vault; an event holds the mask and fingerprint of the
// address, and the reference of the secrets.
import { z } from 'zod';
import { createCodec, type EventData, type EventOf } from '../core/codec.ts';
import { InstantCodec, textUpTo } from '../core/envelope.ts';
import { StoredIdSchema } from '../core/identity.ts';
import { ADDRESS_CHANNELS } from './address.ts';

export const CHANNEL_KINDS = ['feishu_bot', 'feishu_flow', 'feishu_base', 'webhook'] as const;

/** A stable code: why the channel changed. */
const Code = z.string().regex(/^[a-z0-9_]{1,64}$/);

const about = {
  userId: StoredIdSchema,
  channel: z.enum(ADDRESS_CHANNELS),
  /** Counts the configurations of the channel, from 1; never reset. */
  version: z.int().min(1),
};

export const CHANNEL_EVENTS = {
  ChannelConfigured: z.object({
    ...about,
    kind: z.enum(CHANNEL_KINDS),
    enabled: z.boolean(),
    /** The address with its key masked. */
    mask: textUpTo(512),
    /** A keyed hash: equal addresses have equal fingerprints. */
    fingerprint: z.string().regex(/^[0-9a-f]{12}$/),
    hasBearerToken: z.boolean(),
    hasSecret: z.boolean(),
    /** The name of the secrets of this version in the vault. */
    ref: z.uuid(),
  }),
  ChannelEnabled: z.object(about),
  ChannelDisabled: z.object({
    ...about,
    /** `by_owner`, or the code of the provider. */
    code: Code,
  }),
  /** The owner has to solve a problem that the provider reported; the channel stays enabled. */
  ChannelNeedsAttention: z.object({ ...about, code: Code }),
  /** Counts against the limit on tests; appended before the message is sent. */
  ChannelTestStarted: z.object({ ...about, startedAt: InstantCodec }),
  ChannelTested: z.object({
    ...about,
    testedAt: InstantCodec,
    succeeded: z.boolean(),
    code: Code,
    /** Already redacted. */
    detail: textUpTo(512).optional(),
  }),
  /** The channel is removed, and its secrets are shredded. */
  ChannelRemoved: z.object(about),
};

export type ChannelEvent = EventOf<typeof CHANNEL_EVENTS>;

export type ChannelEventData<T extends ChannelEvent['type']> = EventData<ChannelEvent, T>;

export const channelCodec = createCodec(CHANNEL_EVENTS);
