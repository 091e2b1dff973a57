// SQLite files that are made from the log: the read model and the indexes. One owner writes such a file, and others
// may read it at the same time.
import { DatabaseSync } from 'node:sqlite';
import { TocsinError } from '../../domain/core/errors.ts';
import { acquireFileLock, type FileLock } from './file-lock.ts';
import { openError, openSqlite, openSqliteReadOnly, SQLITE, sqliteCode } from './open.ts';
import type { SqliteFormat } from './open.ts';

export type DerivedFormat = SqliteFormat & {
  readonly codes: Readonly<Record<'inUse' | 'closed' | 'full' | 'unwritable' | 'rejected', string>>;
  /** The hint in the error of a second owner. */
  readonly inUseHint: string;
};

/** An open file. Disposing closes it and releases its lock. */
export type DerivedFile = Disposable & {
  readonly db: DatabaseSync;
  /** The file as errors name it. */
  readonly name: string;
  readonly format: DerivedFormat;
  /** Runs `work` on the file and gives its errors a code and a hint. */
  readonly guarded: <T>(work: () => T) => T;
};

export type OwnOptions = {
  /** The owner's name, for the error of a second owner. */
  readonly owner: string;
  /** Settings of the connection, as SQL. */
  readonly pragmas: string;
};

const REBUILD_HINT =
  'It can be rebuilt from the log: stop the process that owns it, delete the file and those beside it that end in -wal and -shm, and start again.';

/**
 * Opens `file` as its one owner; makes it, and its directory, if missing.
 *
 * @throws TocsinError `refused` when another process or object owns it, or when it is damaged, newer or of
 * another format; `usage` when it cannot be opened
 */
export function ownFile(file: string, format: DerivedFormat, options: OwnOptions): DerivedFile {
  assertFileName(file);
  using undo = new DisposableStack();
  undo.use(lockFile(file, format, options.owner));
  const db = guard(file, format, () => openSqlite(file, format));
  undo.defer(() => {
    db.close();
  });
  guard(file, format, () => {
    db.exec(options.pragmas);
  });
  const resources = undo.move();
  return derivedFile(db, file, format, () => {
    resources.dispose();
  });
}

/** Takes the lock of the owner of `file` without opening it. */
export function lockFile(file: string, format: DerivedFormat, owner: string): FileLock {
  return acquireFileLock(file, {
    holder: owner,
    inUse: (other) => {
      const who =
        other === undefined
          ? 'another process'
          : `${other.what} (process ${other.pid} on ${other.host}, since ${other.since})`;
      return new TocsinError('refused', format.codes.inUse, `${file} is in use by ${who}`, {
        hint: format.inUseHint,
      });
    },
  });
}

/**
 * Opens `file` for reading, beside its owner.
 *
 * @param options.snapshot reads the state of the first read until disposed. Dispose it within minutes: the owner's
 * write-ahead log grows meanwhile.
 * @throws TocsinError `usage` when there is no such file; otherwise like {@link ownFile}
 */
export function readFile(
  file: string,
  format: DerivedFormat,
  options: { readonly snapshot?: boolean; readonly pragmas?: string } = {},
): DerivedFile {
  assertFileName(file);
  const db = guard(file, format, () => openSqliteReadOnly(file, format));
  db.exec(`PRAGMA query_only = ON; ${options.pragmas ?? ''}`);
  if (options.snapshot === true) db.exec('BEGIN');
  return derivedFile(db, file, format, () => {
    db.close();
  });
}

/**
 * A database that ends with this process.
 *
 * @param path `:memory:`, or an empty text for a file without a name, which the system removes with the process
 */
export function temporaryFile(
  path: ':memory:' | '',
  name: string,
  format: DerivedFormat,
  pragmas = '',
): DerivedFile {
  const db = new DatabaseSync(path);
  try {
    db.exec(pragmas);
    format.create(db);
  } catch (error) {
    db.close();
    throw error;
  }
  return derivedFile(db, name, format, () => {
    db.close();
  });
}

/** The same database for another owner; disposing it leaves the database open. */
export function sharedFile({ db, name, format }: DerivedFile): DerivedFile {
  return derivedFile(db, name, format, () => undefined);
}

function derivedFile(
  db: DatabaseSync,
  name: string,
  format: DerivedFormat,
  close: () => void,
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
      close();
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
    case SQLITE.ioError:
      return new TocsinError(
        'unavailable',
        codes.unwritable,
        `cannot read or write ${name}: ${cause.message}`,
        { hint: 'Check the disk and its quota.', cause },
      );
    case SQLITE.busy:
    case SQLITE.locked:
    case SQLITE.readOnly:
    case SQLITE.perm:
    case SQLITE.cantOpen:
      return openError(name, what, cause);
    default:
      return new TocsinError(
        'internal',
        codes.rejected,
        `${name} refused a statement: ${cause.message}`,
        { hint: 'This is a fault in Tocsin. Please report it.', cause },
      );
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
  throw new TocsinError(
    'usage',
    'file_unusable',
    `${JSON.stringify(file)} is not the path of a file`,
    { hint: 'Name a file, for example with --state.' },
  );
}
