// The port to channels: one attempt to send a notification to a person. The sender decides success by the
// body of the provider's answer, never by an HTTP status alone.
import type { Instant } from '../core/instants.ts';
import type { Json } from '../core/json.ts';
import type { Severity } from '../core/severity.ts';

/** The message of one attempt; texts are clean and final. */
export type OutgoingMessage = {
  /** The same over all attempts: also the idempotency key for providers that take one. */
  readonly notificationId: string;
  readonly attempt: number;
  readonly userId: string;
  readonly triggerId: string;
  readonly triggerType: string;
  readonly targetType: string;
  readonly targetId: string;
  readonly previewId: string;
  /** Blank where the embedder gave none. */
  readonly title: string;
  /** What happened, in a sentence without the link; blank where the evaluation gave none. */
  readonly summary: string;
  /** The message itself, with the link in it if there is one. */
  readonly text: string;
  readonly actionText: string;
  /** Absolute; absent where the trigger type has no link. */
  readonly actionUrl: string | undefined;
  /** The payload of the trigger, as it was raised. */
  readonly payload: Json | undefined;
  readonly severity: Severity | undefined;
  /** The language of the texts, where the embedder chose one. */
  readonly language: string | undefined;
  readonly traceId: string;
  /** The W3C trace context of the attempt, for the receiver; absent where the trigger has none. */
  readonly traceparent?: string | undefined;
  readonly requestedAt: Instant;
  readonly expiresAt: Instant;
};

/** A user's channel with its secrets; never logged, never stored outside the vault. */
export type ChannelTarget = {
  readonly channel: string;
  readonly kind: 'feishu_bot' | 'feishu_flow' | 'feishu_base' | 'webhook';
  /** Counts the channel's configurations, from 1. */
  readonly version: number;
  readonly url: string;
  readonly bearerToken?: string | undefined;
  /** Signing secret of a bot or of Standard Webhooks. */
  readonly secret?: string | undefined;
};

/** The outcome of an attempt. `detail` is redacted and short. */
export type SendOutcome =
  | {
      readonly outcome: 'accepted';
      readonly code?: string | undefined;
      readonly providerMessageId?: string | undefined;
    }
  /** Nothing was sent: try again. `throttled`: the provider asks to wait, which uses up no attempt. */
  | {
      readonly outcome: 'transient' | 'throttled';
      readonly code: string;
      readonly detail: string;
      /** The least wait that the provider asks for, in milliseconds. */
      readonly retryAfterMs?: number | undefined;
    }
  /** Another attempt cannot succeed. */
  | {
      readonly outcome: 'permanent';
      readonly code: string;
      readonly detail: string;
      /**
       * True for an answer that a receiver may give only while it is replaced: it counts when the next attempt, at
       * least a minute later, gets the same code.
       */
      readonly confirm?: true;
      /** What to do about the channel itself. */
      readonly channel?: 'disable' | 'needs_attention' | undefined;
    }
  /** The message may have been sent: no answer came (`unknown`), or it cannot be read (`suspect`). */
  | { readonly outcome: 'unknown' | 'suspect'; readonly code: string; readonly detail: string };

/** Makes one attempt. Returns every {@link SendOutcome} without throwing; ends early at the signal. */
export type Sender = (
  message: OutgoingMessage,
  target: ChannelTarget,
  signal: AbortSignal,
) => Promise<SendOutcome>;

/**
 * A user's channel with its secrets, or why nothing can be sent there. An error is an outage: the delivery waits. The
 * signal is raised when nobody waits for the answer any more.
 */
export type ChannelLookup = (
  userId: string,
  channel: string,
  signal?: AbortSignal,
) => Promise<
  | { readonly kind: 'open'; readonly target: ChannelTarget }
  | { readonly kind: 'closed'; readonly reason: 'no_channel' | 'channel_disabled' }
>;

/** Records a provider's answer about the channel itself: it is gone, or its owner has to repair it. */
export type ChannelReport = (report: {
  readonly userId: string;
  readonly channel: ChannelTarget['channel'];
  readonly version: number;
  readonly advice: 'disable' | 'needs_attention';
  readonly code: string;
}) => Promise<void>;
