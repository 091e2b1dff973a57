// Opens SQLite files, and refuses a file that is damaged, newer or of another format before anything is written.
import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { TocsinError } from '../../domain/core/errors.ts';
import { makePrivateFile } from './private-file.ts';

export const SQLITE = {
  perm: 3,
  busy: 5,
  locked: 6,
  readOnly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cantOpen: 14,
  notADatabase: 26,
} as const;

/** The primary result code of an error that SQLite raised; `undefined` for any other error. */
export function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error)) return undefined;
  // The upper bytes hold the extended code (SQLITE_IOERR_FSYNC and such).
  return typeof error.errcode === 'number' ? error.errcode & 0xff : undefined;
}

/** Identifies a file by `PRAGMA application_id` and `PRAGMA user_version`. */
export type SqliteFormat = {
  readonly applicationId: number;
  readonly version: number;
  /** The kind of file, for messages: "a Tocsin event store". */
  readonly what: string;
  /** Makes the tables of a new file, inside a transaction. */
  readonly create: (db: DatabaseSync) => void;
  /** Upgrades a file of an older version, inside a transaction. */
  readonly upgrade?: (db: DatabaseSync) => void;
  /** The oldest version that `upgrade` takes. Default: all, unless there is an `olderHint`. */
  readonly upgradesFrom?: number;
  /** What to do with a file of an older version that cannot be upgraded: it is refused. */
  readonly olderHint?: string;
  /** Lets a new file give freed pages back to the disk, step by step. Default: it keeps them for later rows. */
  readonly shrinks?: boolean;
};

/** How long a statement waits for another process that locks the file. */
const BUSY_TIMEOUT_MS = 5_000;

/**
 * Opens `file` for writing, in WAL mode; makes it, and its directory, if missing.
 *
 * @throws TocsinError `refused` when it is damaged, newer or of another format, `usage` when it cannot be opened
 */
export function openSqlite(file: string, format: SqliteFormat): DatabaseSync {
  return guarded(file, format, () => {
    makePrivateFile(file);
    return opened(file, false, (db) => {
      const state = formatOf(db, file, format);
      // Has no effect on a file that has tables, or that is in WAL mode.
      if (state === 'new' && format.shrinks === true) db.exec('PRAGMA auto_vacuum = INCREMENTAL');
      // WAL is a property of the file, full sync of the connection: commits survive a power cut.
      db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
      if (state === 'new') mark(db, format, format.create);
      if (state === 'older' && format.upgrade) mark(db, format, format.upgrade);
    });
  });
}

/** Opens `file` for reading. @throws TocsinError like {@link openSqlite}; also `usage` when there is no such file */
export function openSqliteReadOnly(file: string, format: SqliteFormat): DatabaseSync {
  if (!existsSync(file)) {
    const message = `${file}, ${format.what}, does not exist`;
    throw new TocsinError('usage', 'file_unusable', message, {
      hint: 'Check the path: --store and --state name the files.',
    });
  }
  return guarded(file, format, () =>
    opened(file, true, (db) => {
      if (formatOf(db, file, format) === 'new') {
        const message = `${file} is empty: it is not ${format.what}`;
        throw new TocsinError('usage', 'file_not_found', message, { hint: 'Check the path.' });
      }
    }),
  );
}

/** Opens a database, and closes it again when `check` throws. */
export function opened(
  file: string,
  readOnly: boolean,
  check: (db: DatabaseSync) => void,
): DatabaseSync {
  return kept(new DatabaseSync(file, { readOnly, timeout: BUSY_TIMEOUT_MS }), (db) => {
    check(db);
    return db;
  });
}

/** Makes a result of a resource; disposes the resource when that throws. */
export function kept<R extends Disposable, T>(resource: R, make: (resource: R) => T): T {
  using undo = new DisposableStack();
  const result = make(undo.use(resource));
  undo.move();
  return result;
}

function mark(db: DatabaseSync, format: SqliteFormat, make: (db: DatabaseSync) => void): void {
  transaction(db, () => {
    make(db);
    db.exec(
      `PRAGMA application_id = ${format.applicationId}; PRAGMA user_version = ${format.version}`,
    );
  });
}

function formatOf(db: DatabaseSync, file: string, format: SqliteFormat): 'new' | 'older' | 'ours' {
  const application = Number(db.prepare('PRAGMA application_id').get()?.['application_id']);
  const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version']);
  const tables = Number(db.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.['n']);
  // A crash during the creation leaves a file without tables: it is created again.
  if (application === 0 && version === 0 && tables === 0) return 'new';
  if (application !== format.applicationId) {
    const message = `${file} is a SQLite file, but not ${format.what}`;
    throw new TocsinError('refused', 'file_foreign', message, {
      hint: 'Name another file. Nothing was written to this file.',
    });
  }
  if (version > format.version) {
    const versions = `format ${version}, this version knows ${format.version}`;
    const message = `${file} was written by a newer version (${versions})`;
    throw new TocsinError('refused', 'file_newer', message, {
      hint: 'Use the version that wrote it, or a newer one. Nothing was written to the file.',
    });
  }
  if (version === format.version) return 'ours';
  const { upgradesFrom = format.olderHint === undefined ? 0 : format.version } = format;
  if (format.olderHint !== undefined && version < upgradesFrom) {
    const versions = `format ${version}, this version reads ${format.version}`;
    const message = `${file} was written by an older version (${versions})`;
    throw new TocsinError('refused', 'file_older', message, { hint: format.olderHint });
  }
  return 'older';
}

function guarded(file: string, format: SqliteFormat, open: () => DatabaseSync): DatabaseSync {
  try {
    return open();
  } catch (error) {
    throw openError(file, format.what, error);
  }
}

export function openError(file: string, what: string, cause: unknown): unknown {
  if (cause instanceof TocsinError) return cause;
  const detail = cause instanceof Error ? cause.message : String(cause);
  switch (sqliteCode(cause)) {
    case SQLITE.notADatabase: {
      const message = `${file} is not a SQLite file, so not ${what}`;
      const hint = 'Name another file. Nothing was written to this file.';
      return new TocsinError('refused', 'file_foreign', message, { hint, cause });
    }
    case SQLITE.corrupt:
      return new TocsinError(
        'refused',
        'file_damaged',
        `${file} is damaged or cut short: ${detail}`,
        {
          hint: 'Restore it from a backup, together with the files beside it that end in -wal and -shm.',
          cause,
        },
      );
    case SQLITE.full:
      return new TocsinError('unavailable', 'disk_full', `there is no room for ${file}`, {
        hint: 'Free some space on that disk.',
        cause,
      });
    case SQLITE.busy:
    case SQLITE.locked:
      return new TocsinError('unavailable', 'file_busy', `another program keeps ${file} locked`, {
        hint: 'Close programs that have the file open (a database browser, a backup) and try again.',
        cause,
      });
    default:
      return new TocsinError('usage', 'file_unusable', `cannot open ${file}: ${detail}`, {
        hint: 'Check that the path is right and that this user may read and write the file and its directory.',
        cause,
      });
  }
}

/** Runs `work` in one transaction, which is undone when it throws. */
export function transaction(db: DatabaseSync, work: () => void): void {
  db.exec('BEGIN IMMEDIATE');
  try {
    work();
    db.exec('COMMIT');
  } catch (error) {
    // Some failures, a full disk among them, have rolled back already.
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}
