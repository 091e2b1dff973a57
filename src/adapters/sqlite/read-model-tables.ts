// A read model's contents as a whole, on disk or in memory, for those who compare them row by row.
// Knows nothing of SQLite.
import type {
  Checkpoint,
  Notice,
  ParkedRow,
  ReadModelReader,
  TailRow,
  VerdictRow,
  WindowKey,
} from '../../projections/ports.ts';

/** What the port offers, and the two long tables whole. */
export interface ReadModelTables extends ReadModelReader {
  /** Every notice, in the order in which they were let through. */
  notices(): Iterable<Notice>;
  /** Every verdict, in the order in which they were decided. */
  verdicts(): Iterable<VerdictRow>;
}

/** Everything that a read model holds. Two that are equal in this are the same. */
export type ReadModelSnapshot = {
  readonly checkpoint: Checkpoint | undefined;
  readonly notices: readonly Notice[];
  readonly verdicts: readonly VerdictRow[];
  readonly tail: readonly TailRow[];
  readonly parked: readonly ParkedRow[];
  readonly reasons: ReadonlyMap<string, number>;
};

/** Reads everything into memory: to show that the state after a crash is the state by replay. */
export function snapshotOf(tables: ReadModelTables): ReadModelSnapshot {
  return {
    checkpoint: tables.checkpoint(),
    notices: [...tables.notices()],
    verdicts: [...tables.verdicts()],
    tail: tables.tailAfter(-1n),
    parked: tables.parked(),
    reasons: tables.reasons(),
  };
}

/** A window as text that no other window shares. */
export function windowText(key: WindowKey): string {
  return `${key.user}\n${key.triggerType}\n${key.mock}\n${key.windowStart}`;
}

/** Each window once, in the order of its first mention. */
export function distinctWindows(keys: readonly WindowKey[]): ReadonlyMap<string, WindowKey> {
  const distinct = new Map<string, WindowKey>();
  for (const key of keys) distinct.set(windowText(key), key);
  return distinct;
}
