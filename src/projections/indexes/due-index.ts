// What is to be done, and when: one row per thing that waits. A process follows the streams that it is
// about, keeps its rows, and wakes at the next due instant; a restart goes on from the committed place.
import type { Instant } from '../../domain/core/instants.ts';
import type { Position } from '../../domain/core/positions.ts';

/** One thing that waits. */
export type DueEntry = {
  /** What it is, once per index: a stream's name, or an occurrence's id. */
  readonly key: string;
  readonly stream: string;
  readonly dueAt: Instant;
};

/** One step of an index: rows of one page of events, and the place behind them. */
export type DueCommit = {
  readonly position: Position;
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
  /** One transaction; `put` replaces a row of the same key. */
  commit(step: DueCommit): void;
  /** The first rows that are due at `now`, by time, then key; those in `except` left out. */
  due(now: Instant, limit: number, except: ReadonlySet<string>): readonly DueEntry[];
  /** When the next row that is not in `except` becomes due. */
  next(except: ReadonlySet<string>): Instant | undefined;
  count(): number;
}
