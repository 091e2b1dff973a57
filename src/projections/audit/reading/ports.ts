// What an audit reads, and nothing that could send: the log, the read model, the output stream.
import type { Instant } from '../../../domain/core/instants.ts';
import type { Position } from '../../../domain/core/positions.ts';
import type { EventStore } from '../../../domain/ports/event-store.ts';
import type { OutputInfo, StoredMessage } from '../../output.ts';
import type { Axis } from '../../../domain/policy/policy.ts';
import type {
  ControlRow,
  SentNotification,
  ReadModelReader,
  VerdictRow,
} from '../../read-model.ts';

/** What an audit needs of a log. */
export type ReadableLog = Pick<EventStore, 'readAll' | 'readStream'>;

/** The output stream, for reading only. */
export interface MessageReader {
  /** The stream as it is now, or `undefined` when there is none. */
  info(): Promise<OutputInfo | undefined>;
  /**
   * What is stored at the sequences from `from` to `to`, in order, a batch at a time. Sequences that
   * are no longer held are left out.
   * @throws OutputError (`unavailable`) when the server goes away
   */
  messages(from: bigint, to: bigint): AsyncIterable<readonly StoredMessage[]>;
}

/** One committed state of a read model, whole. */
export interface ReadModelView extends ReadModelReader {
  /** Every notice, in the order in which they were let through. */
  sentNotifications(): Iterable<SentNotification>;
  /** Every verdict, in the order in which they were decided. */
  verdicts(): Iterable<VerdictRow>;
  /** The control events that verdicts stand on, in order. */
  controlRows(): readonly ControlRow[];
}

/** Single verdicts by index: what explaining one notification needs, and no scan. */
export interface VerdictLookup {
  /** What was decided at a place in the log. */
  verdictAt(position: Position): VerdictRow | undefined;
  /** The verdict that let a notification through. */
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

/** Live sent notifications in order. */
export interface SentHistory {
  /** By user, type and instant, or by instant alone; mock notifications are left out. */
  sentNotificationsBy(order: 'subject' | 'time', axis: Axis): Iterable<SentNotification>;
}

/** Everything that can be read from a read model. */
export interface ReadModelTables extends ReadModelView, VerdictLookup, SentHistory {}
