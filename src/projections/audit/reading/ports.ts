// The ports of an audit: log, read model and output stream, for reading only.
import type { Instant } from '../../../domain/core/instants.ts';
import type { Position } from '../../../domain/core/positions.ts';
import type { EventStore } from '../../../domain/ports/event-store.ts';
import type { OutputInfo, StoredMessage } from '../../output.ts';
import type { Axis } from '../../../domain/policy/policy.ts';
import type {
  ControlRow,
  MutedRequest,
  SentNotification,
  ReadModelReader,
  SuppressedRequests,
  VerdictMinute,
  VerdictRow,
} from '../../read-model.ts';

export type ReadableLog = Pick<EventStore, 'readAll' | 'readStream'>;

export interface MessageReader {
  /** The stream as it is now, or `undefined` when there is none. */
  info(): Promise<OutputInfo | undefined>;
  /**
   * The messages from `from` to `to` in order, in batches. Discarded messages are left out.
   * @throws OutputError (`unavailable`) when the connection is lost
   */
  messages(from: bigint, to: bigint): AsyncIterable<readonly StoredMessage[]>;
}

/** All rows of one committed state of a read model. */
export interface ReadModelView extends ReadModelReader {
  /** In the order of the verdicts. */
  sentNotifications(): Iterable<SentNotification>;
  verdicts(): Iterable<VerdictRow>;
  /** In the order of their keys. */
  suppressedRequests(): Iterable<SuppressedRequests>;
  /** In the order of their event ids. */
  mutedRequests(): Iterable<MutedRequest>;
  controlRows(): readonly ControlRow[];
  /** What in the file is not as the projector makes it, besides the rows; absent where there is no file. */
  schemaFaults?(): readonly SchemaFault[];
}

/** A table, index, view or trigger that a read model should not have, or lacks. */
export type SchemaFault = { readonly where: string; readonly detail: string };

/** Single verdicts by index, without a scan. */
export interface VerdictLookup {
  verdictAt(position: Position): VerdictRow | undefined;
  /** The verdict that sent a notification. */
  verdictOfMessage(id: string): VerdictRow | undefined;
  /** A user's verdicts whose windows begin at or after, or at or before, an instant; nearest first. */
  verdictsAbout(
    user: string,
    span: {
      readonly direction: 'forwards' | 'backwards';
      readonly windowStart: Instant;
      readonly limit: number;
    },
  ): readonly VerdictRow[];
}

/** Where a verdict stands in a list: its row number, and the start of its window. */
export type VerdictPlace = { readonly number: bigint; readonly windowStart: Instant };

/** A verdict with its row number; later decisions have higher numbers. */
export type NumberedVerdict = { readonly row: VerdictRow; readonly number: bigint };

/** Pages of verdicts by index, without a scan. */
export interface VerdictPages {
  /**
   * The verdicts before a place, nearest first: in the order of the decisions, or those of one user by the start of
   * their windows.
   */
  verdictsBefore(query: {
    readonly user?: string | undefined;
    /** Default: the end. */
    readonly place?: VerdictPlace | undefined;
    readonly limit: number;
  }): readonly NumberedVerdict[];
}

/** Requests per minute, by their verdicts. */
export interface VerdictMinutes {
  /** From one instant on and before another, in order. */
  verdictMinutes(from: Instant, to: Instant): readonly VerdictMinute[];
}

/** Which requests were let through. */
export interface LetThrough
  extends Pick<ReadModelReader, 'checkpoint'>, Pick<VerdictLookup, 'verdictOfMessage'> {
  /** The first verdicts `published` after a position, in the order of the log. */
  publishedAfter(position: Position, limit: number): readonly VerdictRow[];
}

export interface SentHistory {
  /** By user, type and instant, or by instant alone; mock notifications are left out. */
  sentNotificationsBy(order: 'subject' | 'time', axis: Axis): Iterable<SentNotification>;
}

export interface ReadModelTables
  extends ReadModelView, VerdictLookup, VerdictPages, VerdictMinutes, LetThrough, SentHistory {}
