// A user's channel: where notifications go. Secrets are in the vault; an event holds their mask, a
// fingerprint and the version that they are of.
import { z } from 'zod';
import { createCodec, type EventOf } from '../core/codec.ts';
import { InstantCodec, textUpTo } from '../core/envelope.ts';
import { CHANNELS } from '../core/vocabulary.ts';
import { StoredIdSchema } from '../core/identity.ts';

export const CHANNEL_KINDS = ['feishu_bot', 'feishu_flow', 'feishu_base', 'webhook'] as const;

/** What an owner or a provider is said to have wanted: a stable code. */
const Code = z.string().regex(/^[a-z0-9_]{1,64}$/);

const about = {
  userId: StoredIdSchema,
  channel: z.enum(CHANNELS),
  /** Counts the channel's configurations, from 1, over its whole life. */
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
    /** A keyed hash of the address: the same address has the same one. */
    fingerprint: z.string().regex(/^[0-9a-f]{12}$/),
    hasBearerToken: z.boolean(),
    hasSecret: z.boolean(),
    /** Under which name the vault has the secrets of this version; worth nothing without it. */
    ref: z.uuid(),
  }),
} as const;

const ChannelEnabled = { type: 'ChannelEnabled', version: 1, schema: z.object(about) } as const;

const ChannelDisabled = {
  type: 'ChannelDisabled',
  version: 1,
  schema: z.object({
    ...about,
    /** `by_owner`, or what the provider answered. */
    code: Code,
  }),
} as const;

/** The provider says that its owner has to look; it stays on. */
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
    /** Redacted before it gets here. */
    detail: textUpTo(512).optional(),
  }),
} as const;

/** It is gone, and its secrets are shredded. */
const ChannelRemoved = { type: 'ChannelRemoved', version: 1, schema: z.object(about) } as const;

/** Every event type of the channel streams. */
export const CHANNEL_EVENTS = [
  ChannelConfigured,
  ChannelEnabled,
  ChannelDisabled,
  ChannelNeedsAttention,
  ChannelTested,
  ChannelRemoved,
] as const;

export type ChannelEvent = EventOf<(typeof CHANNEL_EVENTS)[number]>;

/** The data of one of the channel's event types. */
export type ChannelEventData<T extends ChannelEvent['type']> = Extract<
  ChannelEvent,
  { type: T }
>['data'];

export const channelCodec = createCodec(CHANNEL_EVENTS);
