// The port to the log. Its adapters are in src/adapters/eventstore, and pass src/facade/contracts/event-store.ts.
import type { Position } from '../core/positions.ts';
import type { EventToAppend, RecordedEvent } from '../core/recorded-event.ts';

/** What a writer expects of a stream: it does not exist, or its last revision is exactly this. */
export type ExpectedRevision = 'no_stream' | bigint;

/** Why another attempt will fail too. */
export type AppendRefusal =
  'stream_deleted' | 'access_denied' | 'too_large' | 'invalid_argument' | 'storage_full';

/**
 * The result of an append.
 *
 * - `appended`: durable. Also the result of a repeat of the same events at the same exact revision.
 * - `conflict`: the stream's last revision is another; nothing was written.
 * - `refused`: nothing was written, and the same attempt will be refused again.
 * - `unknown`: it may have been written; repeat the same events at the same revision to find out.
 */
export type AppendResult =
  | { readonly outcome: 'appended'; readonly revision: bigint; readonly position: Position }
  | { readonly outcome: 'conflict'; readonly actual: ExpectedRevision }
  | { readonly outcome: 'refused'; readonly reason: AppendRefusal; readonly message: string }
  | { readonly outcome: 'unknown'; readonly message: string; readonly cause?: unknown };

/** One entry of a subscription's ordered sequence. */
export type SubscriptionEntry =
  | { readonly kind: 'event'; readonly event: RecordedEvent }
  /** Everything up to here that matches has been delivered before this entry. */
  | { readonly kind: 'checkpoint'; readonly position: Position }
  /** Everything in the log when the subscription went live has been delivered before this entry. */
  | { readonly kind: 'caughtUp' }
  /** The server cannot be reached, or has ended the subscription; it is tried again. Sent once until `connected`, and again
   * when the reason changes. */
  | { readonly kind: 'disconnected'; readonly reason: string }
  | { readonly kind: 'connected' };

/** Selects events whose stream name starts with one of the prefixes; all events when empty. */
export type StreamFilter = { readonly prefixes: readonly string[] };

/** Reads the whole log. `from` is exclusive in both directions; default: the log's first or last event. */
export type ReadAllOptions = StreamFilter & {
  readonly direction: 'forwards' | 'backwards';
  readonly from?: Position | undefined;
  readonly maxCount?: number | undefined;
  /** Read on the leader: another node of a cluster may lack the newest events. */
  readonly onLeader?: boolean | undefined;
};

/** Reads a stream. `from` is inclusive; default: the stream's first or last event. */
export type ReadStreamOptions = {
  readonly direction: 'forwards' | 'backwards';
  readonly from?: bigint | undefined;
  readonly maxCount?: number | undefined;
  /** Milliseconds without an answer until the read is `unavailable`; default: the store's own limit. */
  readonly silenceMs?: number | undefined;
};

export type SubscribeOptions = StreamFilter & {
  /** Exclusive; default: the log's beginning. */
  readonly from?: Position | undefined;
  /**
   * The position of the last event that the reader has processed, at or before `from`. The subscription starts there
   * where the log, restored from a backup, does not reach `from`.
   */
  readonly lastEventAt?: Position | undefined;
  /** Ends the sequence without an error. */
  readonly signal?: AbortSignal | undefined;
};

export type AppendOptions = {
  readonly deadlineMs?: number;
  readonly beforeRepeat?: () => Promise<void>;
};

export interface EventStore extends AsyncDisposable {
  /**
   * Appends all of `events` in order, contiguous in the log, or none. Never throws for what
   * {@link AppendResult} names. An empty list writes nothing and checks the revision: `appended` then
   * has the stream's last revision (-1 without a stream) and the start position.
   *
   * Appends that are made one after another, without waiting for answers, are written in this order, but for those that
   * are refused or that the store must send again.
   *
   * @param options.deadlineMs milliseconds to wait for an answer until the outcome is `unknown`
   * @param options.beforeRepeat awaited each time before the store sends the append again; this time does not count for
   * the deadline
   */
  append(
    stream: string,
    expected: ExpectedRevision,
    events: readonly EventToAppend[],
    options?: AppendOptions,
  ): Promise<AppendResult>;

  /**
   * A stream's events, a page at a time; a missing stream has none.
   * @throws TocsinError of kind `unavailable` when the store cannot be reached
   */
  readStream(stream: string, options: ReadStreamOptions): AsyncIterable<readonly RecordedEvent[]>;

  /**
   * The log's events in commit order, a page at a time, up to the head that it has while it is read.
   * @throws TocsinError of kind `unavailable` when the store cannot be reached
   */
  readAll(options: ReadAllOptions): AsyncIterable<readonly RecordedEvent[]>;

  /**
   * All events after `from`, then new events as they come, as one ordered sequence in pages.
   * It reconnects without limit; it never skips and never repeats an event.
   * @throws TocsinError of kind `usage` when the store is closed meanwhile; `unavailable` with the code
   * `log_changed` when the log no longer holds the last delivered event at its place: it was restored or replaced
   */
  subscribeAll(options: SubscribeOptions): AsyncIterable<readonly SubscriptionEntry[]>;
}
