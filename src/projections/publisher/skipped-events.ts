// Events of the log that an epoch has not read. Whether the next epoch can still process them in order depends on
// what this epoch has committed.
import { comparePositions, type Position } from '../../domain/core/positions.ts';
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import type { TocsinError } from '../../domain/core/errors.ts';
import type { Gap } from './continuity.ts';
import { refusals, skippedNow } from './refusals.ts';

/** Ends an epoch. */
export class SkippedEvents extends Error {
  readonly gap: Gap;
  /** The position of the first event, where the log still has it. */
  readonly at: Position | undefined;

  constructor(gap: Gap, at: Position | undefined) {
    super(`events were skipped in ${gap.stream}`);
    this.gap = gap;
    this.at = at;
  }

  static of({ stream, revision, position }: RecordedEvent): SkippedEvents {
    return new SkippedEvents({ stream, first: revision, last: revision }, position);
  }

  /** @param committedAt the position of the last event that is folded and committed, when nothing more will be */
  judged(committedAt: Position | undefined): TocsinError {
    const { stream, first, last } = this.gap;
    const isPassed =
      this.at !== undefined &&
      committedAt !== undefined &&
      comparePositions(this.at, committedAt) <= 0;
    return isPassed ? refusals.skipped(stream, first, last) : skippedNow(stream, first, last);
  }
}
