// What every read model, on disk or in memory, demands of a commit. Knows nothing of SQLite.
import { TocsinError } from '../../domain/core/errors.ts';
import type { ReadModelCommit } from '../../projections/read-model.ts';

/** How many of the last messages the tail keeps: what can be published again after a server lost them. */
export const TAIL_LIMIT = 10_000n;

/** @throws TocsinError (`internal`) when the tail is not in the order in which messages are stored */
export function assertCommit(commit: ReadModelCommit): void {
  let last: bigint | undefined;
  for (const { sequence } of commit.recentMessages) {
    if (last !== undefined && sequence <= last) {
      throw new TocsinError(
        'internal',
        'tail_disorder',
        `message ${sequence} comes after message ${last} in one commit`,
        { hint: 'This is a fault in Tocsin. Please report it.' },
      );
    }
    last = sequence;
  }
}

/** The code of every refusal to a second owner. */
export const IN_USE = 'read_model_in_use';

/** Somebody else has taken or moved the read model since this owner last wrote it. */
export function ownershipLost(what: string): TocsinError {
  return new TocsinError(
    'refused',
    IN_USE,
    `another projector has written ${what} since this one last did`,
    { hint: STANDBY_HINT },
  );
}

/** True for the error of {@link ownershipLost}. */
export function isOwnershipLost(error: unknown): boolean {
  return error instanceof TocsinError && error.code === IN_USE;
}

/** The way on for whoever comes second. */
export const STANDBY_HINT =
  'Stop one of the two, or give the standby a read model of its own: --state with another file.';

/** A read model that was disposed cannot be used any more. */
export function readModelClosed(what: string): TocsinError {
  return new TocsinError('usage', 'read_model_closed', `${what} is closed`, {
    hint: 'Open it again, and dispose it only when nothing uses it any more.',
  });
}
