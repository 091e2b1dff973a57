// What SQLite says, in terms of what an operator can do about a read model. It can always be built
// again from the log, so that is the advice wherever the file itself is the trouble.
import { TocsinError } from '../../domain/core/errors.ts';
import { readModelClosed } from './read-model-commit.ts';
import { openError, SQLITE, sqliteCode } from './open.ts';
import { READ_MODEL_FORMAT } from './read-model-schema.ts';

/** How to build a read model again. */
export const REBUILD_HINT =
  'The read model can be rebuilt from the log: stop the daemon, delete the file and those beside it that end in -wal and -shm, and start again.';

/** Runs `work` and gives its errors a code and a hint. */
export function guarded<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw readModelError(what, error);
  }
}

/** Opens a file; what is wrong with it is said with the advice to rebuild it. */
export function opening<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof TocsinError)) throw error;
    if (error.code !== 'file_damaged' && error.code !== 'file_newer') throw error;
    const advice = error.code === 'file_newer' ? `${error.hint} ${REBUILD_HINT}` : REBUILD_HINT;
    throw new TocsinError(error.kind, error.code, error.message, { hint: advice, cause: error });
  }
}

/** A value that no commit of ours can have written. */
export function damaged(what: string, detail: string, cause?: unknown): TocsinError {
  return new TocsinError('refused', 'file_damaged', `${what} is damaged: ${detail}`, {
    hint: REBUILD_HINT,
    cause,
  });
}

function readModelError(what: string, cause: unknown): unknown {
  if (cause instanceof TocsinError || !(cause instanceof Error)) return cause;
  const code = sqliteCode(cause);
  switch (code) {
    case undefined:
      return 'code' in cause && cause.code === 'ERR_INVALID_STATE' ? readModelClosed(what) : cause;
    case SQLITE.full:
      return new TocsinError('unavailable', 'state_full', `there is no room for ${what}`, {
        hint: 'Free some space on that disk. What was committed is there; the rest is decided again.',
        cause,
      });
    case SQLITE.corrupt:
    case SQLITE.notADatabase:
      return damaged(what, cause.message, cause);
    case SQLITE.ioError:
      return new TocsinError(
        'unavailable',
        'state_unwritable',
        `cannot read or write ${what}: ${cause.message}`,
        { hint: 'Check the disk and its quota.', cause },
      );
    case SQLITE.busy:
    case SQLITE.locked:
    case SQLITE.readOnly:
    case SQLITE.perm:
    case SQLITE.cantOpen:
      return openError(what, READ_MODEL_FORMAT.what, cause);
    default:
      return new TocsinError(
        'internal',
        'state_rejected',
        `${what} refused a write: ${cause.message}`,
        { hint: 'This is a fault in Tocsin. Please report it.', cause },
      );
  }
}
