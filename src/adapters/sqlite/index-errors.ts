// What is wrong with the file of an index, in terms of what an operator can do. It is made from the log alone,
// so deleting it is always a way on.
import { TocsinError } from '../../domain/core/errors.ts';
import { openError, SQLITE, sqliteCode } from './open.ts';

/** How to build the indexes again. */
const REBUILD_HINT =
  'It is built again from the log: stop the worker, delete the file and those beside it that end in -wal and -shm, and start again.';

/** Runs `work` on the file, which is `what` in words, and gives its errors a code and a hint. */
export function guarded<T>(file: string, what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw indexError(file, what, error);
  }
}

/** The file holds the indexes of another log than the one that is open. */
export function otherLog(what: string): TocsinError {
  return new TocsinError('refused', 'index_of_other_log', `${what} belongs to another log`, {
    hint: `Check which store is meant. If it is the right one, the index is of no use. ${REBUILD_HINT}`,
  });
}

/** The file holds what no version has written. */
export function damaged(message: string, cause?: unknown): TocsinError {
  return new TocsinError('refused', 'file_damaged', message, { hint: REBUILD_HINT, cause });
}

/** @throws TocsinError for a name that no index can have, or that is in use */
export function assertIndexName(name: string, open: { has(name: string): boolean }): void {
  if (!/^[a-z0-9._-]{1,64}$/.test(name)) {
    throw new TocsinError('usage', 'invalid_index_name', `no name for an index: ${name}`, {
      hint: 'Use 1 to 64 characters of a-z 0-9 . _ -',
    });
  }
  if (!open.has(name)) return;
  throw new TocsinError('usage', 'index_open', `the index ${name} is open already`, {
    hint: 'One process works on an index; dispose the other first.',
  });
}

/** An index that was disposed cannot be used any more. */
export function indexClosed(what: string): TocsinError {
  return new TocsinError('usage', 'index_closed', `${what} is closed`, {
    hint: 'Open it again, and dispose it only when nothing uses it any more.',
  });
}

/** Another process owns the file. */
export function indexInUse(file: string, owner: string): TocsinError {
  return new TocsinError('refused', 'index_in_use', `${file} is in use by ${owner}`, {
    hint: 'Stop one of the two, or give this worker a folder of its own.',
  });
}

function indexError(file: string, what: string, cause: unknown): unknown {
  if (cause instanceof TocsinError) {
    if (cause.code !== 'file_damaged' && cause.code !== 'file_newer') return cause;
    return new TocsinError(cause.kind, cause.code, cause.message, { hint: REBUILD_HINT, cause });
  }
  if (!(cause instanceof Error)) return cause;
  const code = sqliteCode(cause);
  switch (code) {
    case undefined:
      return 'code' in cause && cause.code === 'ERR_INVALID_STATE' ? indexClosed(file) : cause;
    case SQLITE.corrupt:
    case SQLITE.notADatabase:
      return damaged(`${file} is damaged: ${cause.message}`, cause);
    case SQLITE.ioError:
      return new TocsinError(
        'unavailable',
        'index_unwritable',
        `cannot read or write ${file}: ${cause.message}`,
        { hint: 'Check the disk and its quota.', cause },
      );
    default:
      return openError(file, what, cause);
  }
}
