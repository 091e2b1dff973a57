// A message that was sent before its log was copied names its event's position in the old log. That position is not
// kept anywhere else, so it cannot be compared. But both logs have the same order, and the records of the copy say
// how far the old log went.
import {
  comparePositions,
  formatPosition,
  parsePosition,
  START_POSITION,
  type Position,
} from '../../../domain/core/positions.ts';
import type { CopyRecord } from '../reading/copies.ts';

export class CopiedPositions {
  readonly #logs: readonly CopiedLog[];

  /** @param copies the records of each log that this log comes from, oldest log first */
  constructor(copies: readonly (readonly CopyRecord[])[]) {
    this.#logs = copies.map((records) => new CopiedLog(records));
  }

  /**
   * True when `found` can be the position of the event at `own` in one of the old logs. Every log that held the event
   * may have sent its message. A stream holds the messages of an older log first, so that the older log is tried first.
   */
  accepts(own: string, found: string): boolean {
    const [at, old] = [parsePosition(own), parsePosition(found)];
    if (at === undefined || old === undefined || formatPosition(old) !== found) return false;
    return this.#logs.some((log) => log.accepts(at, old));
  }
}

class CopiedLog {
  readonly #records: readonly CopyRecord[];
  /** The position in this log of the latest event so far, and its position in the old log. */
  #last = { at: START_POSITION, old: START_POSITION };

  constructor(records: readonly CopyRecord[]) {
    this.#records = records;
  }

  accepts(at: Position, old: Position): boolean {
    const run = this.#records.findIndex(({ targetHead }) => comparePositions(targetHead, at) >= 0);
    const [record, before] = [this.#records[run], this.#records[run - 1]];
    if (record === undefined || comparePositions(old, record.sourceHead) > 0) return false;
    if (before !== undefined && comparePositions(old, before.sourceHead) <= 0) return false;
    // A retried event and a message that was moved to the end are earlier than the latest event.
    const order = comparePositions(at, this.#last.at);
    const isInOrder = comparePositions(old, this.#last.old) === order;
    // Also after a wrong position, so that one wrong position is one difference.
    if (order > 0) this.#last = { at, old };
    return isInOrder;
  }
}
