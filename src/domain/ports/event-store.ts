// The port to the log. Adapters live in src/adapters/eventstore; every one of them passes
// test/contracts/event-store.suite.ts. Types are ours, so a client's successor is one folder's work.
import type { Json, JsonObject } from '../core/json.ts';
import type { Position } from '../core/positions.ts';

/** What a writer claims about a stream: it does not exist, or its last revision is exactly this. */
export type ExpectedRevision = 'no_stream' | bigint;

/** An event on its way into a stream. Ids are UUIDs, read back in lower case, and the same over all retries. */
export type EventToAppend = {
  readonly id: string;
  readonly type: string;
  readonly data: JsonObject;
  readonly metadata: JsonObject;
};

/** Bytes that were stored as JSON but cannot be read as JSON (or were never JSON). */
export type Unreadable = { readonly unreadable: Uint8Array };

/** An event as the log holds it. Nothing in `data` and `metadata` has been checked yet. */
export type RecordedEvent = {
  readonly id: string;
  readonly stream: string;
  /** Number in its stream, from 0, without gaps. */
  readonly revision: bigint;
  readonly position: Position;
  readonly type: string;
  readonly data: Json | Unreadable;
  readonly metadata: Json | Unreadable;
};

/** Why a definite failure will not succeed by trying again. */
export type AppendRefusal =
  'stream_deleted' | 'access_denied' | 'too_large' | 'invalid_argument' | 'storage_full';

/**
 * What became of an append.
 *
 * - `appended`: durable. Also the answer to a repeat of the same events at the same exact revision.
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
  | { readonly kind: 'caughtUp' };

/** Which events of the log: those whose stream name starts with one of the prefixes; all when empty. */
export type StreamFilter = { readonly prefixes: readonly string[] };

/** Reading the whole log. `from` is exclusive in both directions; absent, it is the log's edge. */
export type ReadAllOptions = StreamFilter & {
  readonly direction: 'forwards' | 'backwards';
  readonly from?: Position | undefined;
  readonly maxCount?: number | undefined;
};

/** Reading a stream. `from` is inclusive; absent, it is the stream's edge. */
export type ReadStreamOptions = {
  readonly direction: 'forwards' | 'backwards';
  readonly from?: bigint | undefined;
  readonly maxCount?: number | undefined;
  /** How long the store may be silent before the read is `unavailable`; a store has a limit of its own. */
  readonly silenceMs?: number | undefined;
};

export type SubscribeOptions = StreamFilter & {
  /** Exclusive; absent, the log's beginning. */
  readonly from?: Position | undefined;
  /** Ends the sequence without an error. */
  readonly signal?: AbortSignal | undefined;
};

export interface EventStore extends AsyncDisposable {
  /**
   * Appends all of `events` in order, contiguous in the log, or none. Never throws for what
   * {@link AppendResult} names. An empty list writes nothing and checks the revision: `appended` then
   * has the stream's last revision (-1 without a stream) and no place of its own, the start position.
   *
   * @param options.deadlineMs how long to wait for an answer before the outcome is `unknown`
   */
  append(
    stream: string,
    expected: ExpectedRevision,
    events: readonly EventToAppend[],
    options?: { readonly deadlineMs?: number },
  ): Promise<AppendResult>;

  /**
   * A stream's events, a page at a time; a stream that is not there gives none.
   * @throws TocsinError of kind `unavailable` when the store cannot be reached
   */
  readStream(stream: string, options: ReadStreamOptions): AsyncIterable<readonly RecordedEvent[]>;

  /**
   * The log's events in commit order, a page at a time, until its head as it was on the way.
   * @throws TocsinError of kind `unavailable` when the store cannot be reached
   */
  readAll(options: ReadAllOptions): AsyncIterable<readonly RecordedEvent[]>;

  /**
   * Everything after `from`, then what comes, as one ordered sequence in pages of what is there.
   * It reconnects by itself for ever and ends only with the signal; it never skips and never repeats.
   * @throws TocsinError of kind `usage` when the store is closed under it
   */
  subscribeAll(options: SubscribeOptions): AsyncIterable<readonly SubscriptionEntry[]>;
}
