// SQLite files that are made from the log: the read model and the indexes. One owner writes, and others may read.
import type { DatabaseSync } from 'node:sqlite';
import { TocsinError } from '../../domain/core/errors.ts';
import { acquireFileLock, ownerText, type FileLock, type LockOwner } from './file-lock.ts';
import { opened, openError, openSqlite, openSqliteReadOnly, SQLITE, sqliteCode } from './open.ts';
import type { SqliteFormat } from './open.ts';

export type DerivedFormat = SqliteFormat & {
  readonly codes: Readonly<Record<'inUse' | 'closed' | 'full' | 'unwritable' | 'rejected', string>>;
  readonly inUseHint: string;
};

/** An open file. Disposing closes it and releases its lock. */
export type DerivedFile = Disposable & {
  readonly db: DatabaseSync;
  /** The file as errors name it. */
  readonly name: string;
  readonly format: DerivedFormat;
  /** Runs `work` and gives its errors a code and a hint. */
  readonly guarded: <T>(work: () => T) => T;
};

/** The owner's name, for the error of a second owner; and settings of the connection, as SQL. */
export type OwnOptions = { readonly owner: string; readonly pragmas: string };

const REBUILD_HINT =
  'It can be rebuilt from the log: stop the process that owns it, delete the file and those beside it that end in -wal and -shm, and start again.';

/** Opens `file` as its one owner; makes it if missing. @throws TocsinError `refused` or `usage` when it cannot */
export function ownFile(file: string, format: DerivedFormat, options: OwnOptions): DerivedFile {
  assertFileName(file);
  using undo = new DisposableStack();
  undo.use(lockFile(file, format, options.owner));
  const db = undo.use(guard(file, format, () => openSqlite(file, format)));
  guard(file, format, () => {
    db.exec(options.pragmas);
  });
  return derivedFile(db, file, format, undo.move());
}

/** Takes the lock of the owner of `file` without opening it. */
export function lockFile(file: string, format: DerivedFormat, holder: string): FileLock {
  const inUse = (other: LockOwner | undefined): TocsinError => {
    const message = `${file} is in use by ${ownerText(other)}`;
    return new TocsinError('refused', format.codes.inUse, message, { hint: format.inUseHint });
  };
  return acquireFileLock(file, { holder, inUse });
}

/** Opens `file` for reading. With `snapshot` it reads the state of the first read until disposed. */
export function readFile(
  file: string,
  format: DerivedFormat,
  options: { readonly snapshot?: boolean; readonly pragmas?: string } = {},
): DerivedFile {
  assertFileName(file);
  const db = guard(file, format, () => openSqliteReadOnly(file, format));
  db.exec(`PRAGMA query_only = ON; ${options.pragmas ?? ''}`);
  if (options.snapshot === true) db.exec('BEGIN');
  return derivedFile(db, file, format, db);
}

/** A database that ends with this process. @param path an empty text for a file that the system removes */
export function temporaryFile(
  path: ':memory:' | '',
  name: string,
  format: DerivedFormat,
  pragmas = '',
): DerivedFile {
  const db = opened(path, false, (fresh) => {
    fresh.exec(pragmas);
    format.create(fresh);
  });
  return derivedFile(db, name, format, db);
}

/** The same database for another owner; disposing it leaves the database open. */
export function sharedFile({ db, name, format }: DerivedFile): DerivedFile {
  return derivedFile(db, name, format);
}

function derivedFile(
  db: DatabaseSync,
  name: string,
  format: DerivedFormat,
  closes?: Disposable,
): DerivedFile {
  let isOpen = true;
  return {
    db,
    name,
    format,
    guarded: (work) => {
      if (!isOpen) throw closedError(format.codes.closed, name);
      return guard(name, format, work);
    },
    [Symbol.dispose]() {
      if (!isOpen) return;
      isOpen = false;
      closes?.[Symbol.dispose]();
    },
  };
}

export function closedError(code: string, what: string): TocsinError {
  return new TocsinError('usage', code, `${what} is closed`, {
    hint: 'Open it again, and dispose it only when nothing uses it any more.',
  });
}

export function damaged(message: string, cause?: unknown): TocsinError {
  return new TocsinError('refused', 'file_damaged', message, { hint: REBUILD_HINT, cause });
}

function guard<T>(name: string, format: DerivedFormat, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw translated(name, format, error);
  }
}

function translated(name: string, { codes, what }: DerivedFormat, cause: unknown): unknown {
  if (cause instanceof TocsinError) return withRebuildHint(cause);
  const code = sqliteCode(cause);
  if (code === undefined || !(cause instanceof Error)) return cause;
  switch (code) {
    case SQLITE.full:
      return new TocsinError('unavailable', codes.full, `there is no room for ${name}`, {
        hint: 'Free some space on that disk. Earlier commits are kept, and Tocsin resumes after them.',
        cause,
      });
    case SQLITE.corrupt:
    case SQLITE.notADatabase:
      return damaged(`${name} is damaged: ${cause.message}`, cause);
    case SQLITE.ioError: {
      const message = `cannot read or write ${name}: ${cause.message}`;
      const hint = 'Check the disk and its quota.';
      return new TocsinError('unavailable', codes.unwritable, message, { hint, cause });
    }
    case SQLITE.busy:
    case SQLITE.locked:
    case SQLITE.readOnly:
    case SQLITE.perm:
    case SQLITE.cantOpen:
      return openError(name, what, cause);
    default: {
      const message = `${name} refused a statement: ${cause.message}`;
      const hint = 'This is a fault in Tocsin. Please report it.';
      return new TocsinError('internal', codes.rejected, message, { hint, cause });
    }
  }
}

/** {@link openSqlite} does not know that a damaged or newer file can be rebuilt. */
function withRebuildHint(error: TocsinError): TocsinError {
  const { kind, code, message, hint } = error;
  if (hint.includes(REBUILD_HINT)) return error;
  if (code !== 'file_damaged' && code !== 'file_newer') return error;
  const advice = code === 'file_newer' ? `${hint} ${REBUILD_HINT}` : REBUILD_HINT;
  return new TocsinError(kind, code, message, { hint: advice, cause: error });
}

function assertFileName(file: string): void {
  // For SQLite the first two name temporary databases, and "file:" starts a URI.
  if (file !== '' && file !== ':memory:' && !file.startsWith('file:')) return;
  const message = `${JSON.stringify(file)} is not the path of a file`;
  throw new TocsinError('usage', 'file_unusable', message, {
    hint: 'Name a file, for example with --state.',
  });
}
