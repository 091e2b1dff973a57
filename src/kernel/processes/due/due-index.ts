// The port to the due index: one row per key with its due time. A process follows its streams, keeps the
// rows, and wakes at the next due time; after a restart it continues from the committed position.
import type { Instant } from '../../../domain/core/instants.ts';
import type { Position } from '../../../domain/core/positions.ts';
import type { EventRef } from '../../../projections/read-model.ts';

/** 0 for a first attempt, 1 for a retry. Each rank is read on its own. */
export type DueRank = 0 | 1;

export const DUE_RANKS: readonly DueRank[] = [0, 1];

export type DueEntry = {
  /** Unique in the index: a stream name, or the id of an occurrence. */
  readonly key: string;
  readonly stream: string;
  readonly dueAt: Instant;
  readonly rank: DueRank;
};

/** The row changes of one page of events, and the position behind the page. */
export type DueCommit = {
  readonly position: Position;
  /** The last event of the page, to recognise the log again; absent: unchanged. */
  readonly lastEvent?: EventRef | undefined;
  readonly put: readonly DueEntry[];
  readonly remove: readonly string[];
};

/**
 * Rows by key and by time, in one file, with bounded memory. Each index has a name and belongs to one log.
 */
export interface DueIndex extends Disposable {
  /** The rows contain everything up to this position; `undefined` before the first commit. */
  position(): Position | undefined;
  /** The last event that was read; `undefined` before the first. */
  lastEvent(): EventRef | undefined;
  /** One transaction; `remove` comes before `put`, and `put` replaces a row of the same key. */
  commit(commit: DueCommit): void;
  /** The first rows of a rank that are due at `now`, by time, then key, without those in `except`. */
  due(rank: DueRank, now: Instant, limit: number, except: ReadonlySet<string>): readonly DueEntry[];
  /** When the next row of a rank that is not in `except` becomes due. */
  next(rank: DueRank, except: ReadonlySet<string>): Instant | undefined;
  count(): number;
}

/** Several indexes in one place, each by its name. Disposing closes them all. */
export interface DueIndexes extends Disposable {
  /**
   * The index of that name, created if missing. Rows with another meaning need another name: the new
   * index is built from the beginning of the log.
   *
   * @param name 1 to 64 characters of `a-z 0-9 . _ -`
   * @throws TocsinError `usage` when the index is open already, or the name is invalid
   */
  open(name: string): DueIndex;
}
