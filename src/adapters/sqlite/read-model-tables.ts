// A read model's contents as a whole, on disk or in memory, for those who compare them row by row.
// Knows nothing of SQLite.
import type { SentHistory } from '../../projections/audit/simulate/simulate-notices.ts';
import type {
  Checkpoint,
  ControlRow,
  SentNotification,
  SentNotificationRange,
  ParkedRow,
  ReadModelReader,
  RecentMessageRow,
  VerdictRow,
} from '../../projections/read-model.ts';
import type { VerdictLookup } from '../../projections/audit/reading/ports.ts';

/** What the port offers, and the two long tables whole. */
export interface ReadModelTables extends ReadModelReader, SentHistory, VerdictLookup {
  /** Every notice, in the order in which they were let through. */
  notices(): Iterable<SentNotification>;
  /** Every verdict, in the order in which they were decided. */
  verdicts(): Iterable<VerdictRow>;
  /** The control events that verdicts stand on, in order. */
  controlRows(): readonly ControlRow[];
}

/** Everything that a read model holds. Two that are equal in this are the same. */
export type ReadModelSnapshot = {
  readonly checkpoint: Checkpoint | undefined;
  readonly notices: readonly SentNotification[];
  readonly verdicts: readonly VerdictRow[];
  readonly tail: readonly RecentMessageRow[];
  readonly parked: readonly ParkedRow[];
  readonly reasons: ReadonlyMap<string, number>;
  readonly control: readonly ControlRow[];
};

/** Reads everything into memory: to show that the state after a crash is the state by replay. */
export function snapshotOf(tables: ReadModelTables): ReadModelSnapshot {
  return {
    checkpoint: tables.checkpoint(),
    notices: [...tables.notices()],
    verdicts: [...tables.verdicts()],
    tail: tables.recentMessagesAfter(-1n),
    parked: tables.parked(),
    reasons: tables.reasons(),
    control: tables.controlRows(),
  };
}

/** A range as text that no other range shares. */
function rangeText(range: SentNotificationRange): string {
  const { user, triggerType, mock, axis, from, to } = range;
  return `${user}\n${triggerType}\n${mock}\n${axis}\n${from}\n${to}`;
}

/** Each range once, in the order of its first mention. */
export function distinctRanges(
  ranges: readonly SentNotificationRange[],
): readonly SentNotificationRange[] {
  const distinct = new Map<string, SentNotificationRange>();
  for (const range of ranges) distinct.set(rangeText(range), range);
  return [...distinct.values()];
}
