// The events of a user's channel. Secrets are in the vault; an event holds the mask and fingerprint of the
// address, and the reference of the secrets.
import { z } from 'zod';
import { createCodec, type EventOf } from '../core/codec.ts';
import { InstantCodec, textUpTo } from '../core/envelope.ts';
import { CHANNELS } from '../core/vocabulary.ts';
import { StoredIdSchema } from '../core/identity.ts';

export const CHANNEL_KINDS = ['feishu_bot', 'feishu_flow', 'feishu_base', 'webhook'] as const;

/** A stable code: why the channel changed. */
const Code = z.string().regex(/^[a-z0-9_]{1,64}$/);

const about = {
  userId: StoredIdSchema,
  channel: z.enum(CHANNELS),
  /** Counts the configurations of the channel, from 1; never reset. */
  version: z.int().min(1),
};

const ChannelConfigured = {
  type: 'ChannelConfigured',
  version: 1,
  schema: z.object({
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
} as const;

const ChannelEnabled = { type: 'ChannelEnabled', version: 1, schema: z.object(about) } as const;

const ChannelDisabled = {
  type: 'ChannelDisabled',
  version: 1,
  schema: z.object({
    ...about,
    /** `by_owner`, or the code of the provider. */
    code: Code,
  }),
} as const;

/** The owner has to solve a problem that the provider reported; the channel stays enabled. */
const ChannelNeedsAttention = {
  type: 'ChannelNeedsAttention',
  version: 1,
  schema: z.object({ ...about, code: Code }),
} as const;

const ChannelTested = {
  type: 'ChannelTested',
  version: 1,
  schema: z.object({
    ...about,
    testedAt: InstantCodec,
    succeeded: z.boolean(),
    code: Code,
    /** Already redacted. */
    detail: textUpTo(512).optional(),
  }),
} as const;

/** The channel is removed, and its secrets are shredded. */
const ChannelRemoved = { type: 'ChannelRemoved', version: 1, schema: z.object(about) } as const;

/** Every event type of a channel. */
export const CHANNEL_EVENTS = [
  ChannelConfigured,
  ChannelEnabled,
  ChannelDisabled,
  ChannelNeedsAttention,
  ChannelTested,
  ChannelRemoved,
] as const;

export type ChannelEvent = EventOf<(typeof CHANNEL_EVENTS)[number]>;

/** The data of one event type. */
export type ChannelEventData<T extends ChannelEvent['type']> = Extract<
  ChannelEvent,
  { type: T }
>['data'];

export const channelCodec = createCodec(CHANNEL_EVENTS);
