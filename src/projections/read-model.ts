// The read-model port: where verdicts are kept. Its adapters are in src/adapters/sqlite and
// src/adapters/memory, and pass test/contracts/read-model.suite.ts.
import type { Instant } from '../domain/core/instants.ts';
import type { Position } from '../domain/core/positions.ts';
import type { Axis } from '../domain/policy/policy.ts';
import type { KeyedPer } from '../domain/policy/per.ts';
import type { PastNotification, Span, Target } from '../domain/policy/windows.ts';

/** A notification that was let through, and what policies need to know of it. */
export type SentNotification = PastNotification & {
  /** Its message id; the `notification_id`. */
  readonly id: string;
  /** Mock and live notifications never suppress each other. */
  readonly mock: boolean;
  readonly user: string;
  readonly triggerType: string;
  /** Where the window that it opened begins, and what had this window for itself. */
  readonly windowStart: Instant;
  readonly per: KeyedPer;
  /** What its message told of suppressed requests. */
  readonly suppressedSince: SuppressedSince | null;
};

/** How many requests were suppressed since the notification before, and when the first of them happened. */
export type SuppressedSince = { readonly count: number; readonly firstAt: Instant };

/** Notifications of one subject may hold each other's windows. */
export type NotificationSubject = Pick<SentNotification, 'mock' | 'user' | 'triggerType'>;

export type SentNotificationRef = NotificationSubject & Pick<SentNotification, 'id'>;

/** Whose suppressed requests count together: a subject's, or one target's. Without a target both fields are empty. */
export type SuppressedKey = NotificationSubject & Target;

/** The requests of a key that were suppressed since its last notification; a count of 0 removes the row. */
export type SuppressedRequests = SuppressedKey &
  SuppressedSince & {
    /** When the second happened, for the case that the first is released. */
    readonly secondAt: Instant | null;
    /** Where the first of them was decided, as `formatPosition` writes it: these rows are written often. */
    readonly position: string;
  };

/** A request that a mute has suppressed, and that no operator has released. */
export type MutedRequest = {
  readonly event: string;
  /** Where it was suppressed. */
  readonly position: Position;
  readonly stream: string;
  readonly revision: bigint;
  readonly user: string;
  readonly triggerType: string;
  readonly targetType: string;
  readonly targetId: string;
  /** Whom the windows of the policy belonged to: the request is counted there. */
  readonly per: KeyedPer;
  readonly expiresAt: Instant;
};

/** A muted request that an operator released: it is decided again, and its first verdict goes. */
export type ReleasedRequest = Pick<MutedRequest, 'event' | 'position'>;

/** A subject's sent notifications whose instant on one axis is `from` or later, and before `to`. */
export type SentNotificationRange = NotificationSubject &
  Span & {
    readonly axis: Axis;
    /** Only notifications about this target; null: about any. */
    readonly target: Target | null;
  };

/** The verdict about one `NotificationRequested`. */
export type VerdictRow = {
  readonly event: string;
  readonly position: Position;
  readonly stream: string;
  readonly revision: bigint;
  readonly ruleset: number;
  /** User, type and window; null where the request cannot be read. */
  readonly user: string | null;
  readonly triggerType: string | null;
  readonly windowStart: Instant | null;
  readonly verdict: 'published' | 'suppressed' | 'parked';
  readonly reason: string;
  /** What the verdict depends on: the sent notification that holds the window or was released, or the fault. */
  readonly basis: string | null;
  readonly messageId: string | null;
  readonly sequence: bigint | null;
};

/** How many requests of one minute got a verdict; the minute is that of the event that was decided. */
export type VerdictMinute = {
  /** The beginning of the minute. */
  readonly minute: Instant;
  readonly verdict: 'published' | 'suppressed';
  readonly requests: number;
};

/** One of the last messages: enough to find its source and to render it again. */
export type RecentMessageRow = {
  readonly sequence: bigint;
  readonly ordinal: bigint;
  /** The source event, and where it is. */
  readonly source: string;
  readonly position: Position;
  readonly stream: string;
  readonly revision: bigint;
  readonly rule: string;
  readonly ruleset: number;
  readonly id: string;
  /** The digest chain's value at this message. */
  readonly digest: string;
  readonly recordedAt: Instant;
};

/** An event that the projection could not act on. */
export type ParkedRow = {
  readonly event: string;
  readonly position: Position;
  readonly stream: string;
  readonly revision: bigint;
  readonly type: string;
  readonly code: string;
  readonly detail: string;
  readonly ruleset: number;
};

/** A control event that verdicts depend on, as it was when they were made. */
export type ControlRow = {
  readonly event: string;
  readonly position: Position;
  readonly revision: bigint;
  readonly type: string;
  /** SHA-256 of its type, data and metadata. */
  readonly digest: string;
};

export type EventRef = { readonly id: string; readonly stream: string; readonly revision: bigint };

/** The state after a committed prefix of the log: what a projector resumes from. */
export type Checkpoint = {
  readonly storeId: string;
  /** Event id of the generation's `OutputOpened`; null before the first. */
  readonly output: string | null;
  /** Everything up to here has been folded and its messages stored. */
  readonly position: Position;
  /** The last folded event, by which the log is recognised again; null before the first. */
  readonly lastEvent: EventRef | null;
  readonly ruleset: number;
  /** Messages of the generation so far. */
  readonly ordinal: bigint;
  /** Last sequence that the generation has reached. */
  readonly sequence: bigint;
  readonly digest: string;
  readonly counts: Counts;
};

/** Totals since the log's beginning. */
export type Counts = {
  readonly events: number;
  readonly triggered: number;
  readonly published: number;
  readonly suppressed: number;
  readonly parked: number;
  /** Events of types that this code does not know. */
  readonly unknown: number;
};

/** One transaction's worth of progress. */
export type ReadModelCommit = {
  readonly checkpoint: Checkpoint;
  readonly sentNotifications: readonly SentNotification[];
  /** Earlier sent notifications as they are now: released, redriven, or with a longer session. */
  readonly amended: readonly SentNotification[];
  readonly verdicts: readonly VerdictRow[];
  readonly recentMessages: readonly RecentMessageRow[];
  readonly parked: readonly ParkedRow[];
  /** Event ids that an operator's decision took out of the parked list. */
  readonly unparked: readonly string[];
  /** In the order of their changes: of two versions of a row the later one is kept. */
  readonly suppressedRequests?: readonly SuppressedRequests[];
  readonly mutedRequests?: readonly MutedRequest[];
  /** Applied after `mutedRequests` and `verdicts`. */
  readonly releasedRequests?: readonly ReleasedRequest[];
  /** Added to what earlier commits have counted. */
  readonly verdictMinutes?: readonly VerdictMinute[];
  /** Control events among the folded events. */
  readonly control?: readonly ControlRow[];
};

export const NO_ROWS: Omit<ReadModelCommit, 'checkpoint'> = {
  sentNotifications: [],
  amended: [],
  verdicts: [],
  recentMessages: [],
  parked: [],
  unparked: [],
};

/** Reading needs no ownership. */
export interface ReadModelReader {
  checkpoint(): Checkpoint | undefined;
  /** The sent notifications within these ranges; one in several ranges may come several times. */
  sentNotificationsIn(ranges: readonly SentNotificationRange[]): readonly SentNotification[];
  /** These sent notifications, if they exist. Rare, so each may be a query of its own. */
  sentNotificationsById(refs: readonly SentNotificationRef[]): readonly SentNotification[];
  /** The requests of these keys that were suppressed since the last notification; a key without any has no row. */
  suppressedRequestsOf(keys: readonly SuppressedKey[]): readonly SuppressedRequests[];
  /** These requests, as far as a mute has suppressed them and nobody has released them. */
  mutedRequestsOf(events: readonly string[]): readonly MutedRequest[];
  /** Ascending. */
  recentMessagesAfter(sequence: bigint): readonly RecentMessageRow[];
  lastRecentMessage(): RecentMessageRow | undefined;
  parked(): readonly ParkedRow[];
  /** How many events are parked; cheap, so a status may ask often. */
  parkedCount(): number;
  /** How many requests were suppressed or parked, by reason. */
  reasons(): ReadonlyMap<string, number>;
  /** The dedupe key of every sent notification, bytewise ascending. */
  dedupeKeys(): Iterable<string>;
}

/** The read model with its one owner. Every method is synchronous: one file, one process. */
export interface ReadModel extends ReadModelReader, Disposable {
  /** @throws TocsinError (`refused`) when owner or sequence are not what this owner left behind */
  commit(commit: ReadModelCommit): void;
  /** Deletes everything in one transaction; the next fold begins at the beginning of the log. */
  reset(): void;
}
