// What is to be done, and when: one row per thing that waits. A process follows the streams that it is
// about, keeps its rows, and wakes at the next due instant; a restart goes on from the committed place.
import type { Instant } from '../../../domain/core/instants.ts';
import type { Position } from '../../../domain/core/positions.ts';
import type { EventRef } from '../../../projections/read-model.ts';

/** How a thing goes before others that are due: 0 is what is done for the first time, 1 what is tried again. */
export type DueRank = 0 | 1;

/** Ranks, the first first. */
export const DUE_RANKS: readonly DueRank[] = [0, 1];

/** One thing that waits. */
export type DueEntry = {
  /** What it is, once per index: a stream's name, or an occurrence's id. */
  readonly key: string;
  readonly stream: string;
  readonly dueAt: Instant;
  readonly rank: DueRank;
};

/** One step of an index: rows of one page of events, and the place behind them. */
export type DueCommit = {
  readonly position: Position;
  /** The last event of the page, by which the log is recognised again; absent, it stays as it was. */
  readonly lastEvent?: EventRef | undefined;
  readonly put: readonly DueEntry[];
  readonly remove: readonly string[];
};

/**
 * Rows by key and by time, in one file; memory does not grow with them. Each index has a name, and
 * belongs to one log.
 */
export interface DueIndex extends Disposable {
  /** Everything up to here is in the rows; `undefined` before the first commit. */
  position(): Position | undefined;
  /** The last event that went into the rows; `undefined` before the first. */
  lastEvent(): EventRef | undefined;
  /** One transaction; `remove` goes before `put`, and `put` replaces a row of the same key. */
  commit(step: DueCommit): void;
  /** The first rows of a rank that are due at `now`, by time, then key; those in `except` left out. */
  due(rank: DueRank, now: Instant, limit: number, except: ReadonlySet<string>): readonly DueEntry[];
  /** When the next row of a rank that is not in `except` becomes due. */
  next(rank: DueRank, except: ReadonlySet<string>): Instant | undefined;
  count(): number;
}

/** Several indexes that are kept together, each by its name. Disposing closes them all. */
export interface DueIndexes extends Disposable {
  /**
   * The index of that name, made if missing. The name says what the rows mean: whoever computes them
   * in another way uses another name, and the new index is built from the log's beginning.
   *
   * @param name 1 to 64 characters of `a-z 0-9 . _ -`
   * @throws TocsinError `usage` when the index is open already, or the name is none
   */
  open(name: string): DueIndex;
}
