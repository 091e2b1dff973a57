// The port to channels: one attempt to tell a person something. Success is what the channel's adapter
// reads in the answer's body, never an HTTP status alone.
import type { CHANNELS } from '../core/vocabulary.ts';
import type { Instant } from '../core/instants.ts';

/** What is to be said; texts are clean and final. */
export type OutgoingMessage = {
  /** Also the provider's idempotency key, where it takes one: the same over all attempts. */
  readonly notificationId: string;
  readonly attempt: number;
  readonly userId: string;
  readonly triggerId: string;
  readonly triggerType: string;
  readonly targetType: string;
  readonly targetId: string;
  readonly previewId: string;
  readonly dedupeKey: string;
  readonly title: string;
  /** The message itself, with the link in it. */
  readonly text: string;
  readonly actionText: string;
  /** Absolute. */
  readonly actionUrl: string;
  readonly traceId: string;
  readonly requestedAt: Instant;
  readonly expiresAt: Instant;
};

/** A user's channel with its secrets; never logged, never stored outside the vault. */
export type ChannelTarget = {
  readonly channel: (typeof CHANNELS)[number];
  readonly kind: 'feishu_bot' | 'feishu_flow' | 'feishu_base' | 'webhook';
  /** Counts the channel's configurations, from 1. */
  readonly version: number;
  readonly url: string;
  readonly bearerToken?: string | undefined;
  /** Signing secret of a bot or of Standard Webhooks. */
  readonly secret?: string | undefined;
};

/** What became of an attempt. `detail` is redacted and short. */
export type SendOutcome =
  | {
      readonly outcome: 'accepted';
      readonly code?: string | undefined;
      readonly providerMessageId?: string | undefined;
    }
  /** Try again: nothing was done. */
  | {
      readonly outcome: 'transient';
      readonly code: string;
      readonly detail: string;
      /** The least wait that the provider asks for, in milliseconds. */
      readonly retryAfterMs?: number | undefined;
    }
  /** Try again later; uses up no attempt. */
  | {
      readonly outcome: 'throttled';
      readonly code: string;
      readonly detail: string;
      /** The least wait that the provider asks for, in milliseconds. */
      readonly retryAfterMs?: number | undefined;
    }
  /** Trying again cannot help. */
  | {
      readonly outcome: 'permanent';
      readonly code: string;
      readonly detail: string;
      /** What it says about the channel itself. */
      readonly channel?: 'disable' | 'needs_attention' | undefined;
    }
  /** The request went out and no answer came: it may have been done. */
  | { readonly outcome: 'unknown'; readonly code: string; readonly detail: string }
  /** An answer that cannot be read: it may have been done. */
  | { readonly outcome: 'suspect'; readonly code: string; readonly detail: string };

/** Makes one attempt. Never throws for what {@link SendOutcome} names; obeys the signal. */
export type Sender = (
  notice: OutgoingMessage,
  target: ChannelTarget,
  signal: AbortSignal,
) => Promise<SendOutcome>;

/** What a user's channel is now, with its secrets, or why nothing can be sent there. */
export type ChannelLookup = (
  userId: string,
  channel: ChannelTarget['channel'],
) => Promise<
  | { readonly kind: 'open'; readonly target: ChannelTarget }
  | { readonly kind: 'closed'; readonly reason: 'no_channel' | 'channel_disabled' }
>;
