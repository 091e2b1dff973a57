// A lock that gives a file one owner among all processes. The system releases it when its holder ends.
import { realpathSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { makePrivateFile, makePrivateFolder } from './private-file.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { SQLITE, sqliteCode } from './open.ts';

/** The holder of a lock, as it wrote into the lock file. */
export type LockOwner = {
  readonly pid: number;
  readonly host: string;
  /** The holder's name: "tocsin start". */
  readonly what: string;
  /** RFC 3339. */
  readonly since: string;
};

export type FileLock = Disposable & {
  /** The lock file. It stays after the release: deleting it would race with the next owner. */
  readonly file: string;
};

export type FileLockOptions = {
  readonly holder: string;
  /** The error when another holds the lock; the owner is unknown while it takes the lock. */
  readonly inUse: (owner: LockOwner | undefined) => TocsinError;
};

const APPLICATION_ID = 0x54_6c_6f_6b; // "Tlok"
/** Two processes that start together may refuse each other for a moment; one wins within these attempts. */
const ATTEMPTS = 20;
const PAUSE_MS = 15;
/** How long writing the owner's row waits for readers. */
const WRITE_TIMEOUT_MS = 1_000;

// A connection that is garbage-collected is closed, and the lock with it.
const held = new Set<DatabaseSync>();

/**
 * Acquires `{path}.lock`, and makes its directory. Symbolic links to a file lead to the same lock. An open transaction
 * of SQLite is the lock: others cannot begin one, and can read the owner's row, committed before.
 *
 * @throws what `inUse` returns, when another holds it
 * @throws TocsinError `usage` when the lock file cannot be written, `refused` when it is not a lock file
 */
export function acquireFileLock(path: string, options: FileLockOptions): FileLock {
  const file = lockFileOf(path);
  let db: DatabaseSync | undefined;
  try {
    makePrivateFile(file);
    db = new DatabaseSync(file, { timeout: WRITE_TIMEOUT_MS });
    if (!acquire(db, file, options.holder)) throw options.inUse(readOwner(db));
  } catch (error) {
    db?.close();
    throw lockError(file, error);
  }
  const lock = db;
  held.add(lock);
  return {
    file,
    [Symbol.dispose]() {
      // Closing rolls the open transaction back, which releases the lock.
      if (held.delete(lock)) lock.close();
    },
  };
}

function lockFileOf(path: string): string {
  makePrivateFolder(dirname(path));
  try {
    return `${realpathSync(path)}.lock`;
  } catch {
    // The file does not exist yet; its directory does.
    return `${join(realpathSync(dirname(path)), basename(path))}.lock`;
  }
}

function acquire(db: DatabaseSync, file: string, holder: string): boolean {
  const mark = crypto.randomUUID();
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    if (attempt > 0) pause();
    if (!begin(db)) continue;
    if (ownMark(db, file) === mark) return true;
    // The owner's row is committed first, so that others can read it. Another process may write its row in between.
    writeOwner(db, mark, holder);
    if (!begin(db)) continue;
    if (ownMark(db, file) === mark) return true;
    db.exec('ROLLBACK');
  }
  return false;
}

function begin(db: DatabaseSync): boolean {
  // Without a wait in SQLite: the holder keeps the lock, and the wait would block the event loop.
  db.exec('PRAGMA busy_timeout = 0');
  try {
    db.exec('BEGIN IMMEDIATE');
    return true;
  } catch (error) {
    if (sqliteCode(error) === SQLITE.busy) return false;
    throw error;
  } finally {
    db.exec(`PRAGMA busy_timeout = ${WRITE_TIMEOUT_MS}`);
  }
}

function writeOwner(db: DatabaseSync, mark: string, holder: string): void {
  db.exec(`
    PRAGMA application_id = ${APPLICATION_ID};
    CREATE TABLE IF NOT EXISTS owner (
      one INTEGER PRIMARY KEY CHECK (one = 1), mark TEXT, pid INTEGER, host TEXT, what TEXT, since TEXT
    ) STRICT`);
  db.prepare('INSERT OR REPLACE INTO owner VALUES (1, ?, ?, ?, ?, ?)').run(
    mark,
    process.pid,
    hostname(),
    holder,
    new Date().toISOString(),
  );
  db.exec('COMMIT');
}

/** The mark in the owner's row. @throws TocsinError for a database that is not a lock file */
function ownMark(db: DatabaseSync, file: string): string | undefined {
  const application = db.prepare('PRAGMA application_id').get()?.['application_id'];
  const tables = db.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.['n'];
  if (application === 0 && tables === 0) return undefined;
  if (application !== APPLICATION_ID) throw notALock(file);
  const mark = db.prepare('SELECT mark FROM owner').get()?.['mark'];
  return typeof mark === 'string' ? mark : undefined;
}

function readOwner(db: DatabaseSync): LockOwner | undefined {
  const tables = db.prepare("SELECT count(*) AS n FROM sqlite_schema WHERE name = 'owner'").get();
  if (tables?.['n'] !== 1) return undefined;
  const row = db.prepare('SELECT pid, host, what, since FROM owner').get();
  if (row === undefined) return undefined;
  const { pid, host, what, since } = row;
  return { pid: Number(pid), host: String(host), what: String(what), since: String(since) };
}

export function ownerText(owner: LockOwner | undefined): string {
  if (owner === undefined) return 'another process';
  return `${owner.what} (process ${owner.pid} on ${owner.host}, since ${owner.since})`;
}

function pause(): void {
  // Atomics.wait, because acquiring a lock is synchronous.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS * (0.5 + Math.random()));
}

function lockError(file: string, cause: unknown): unknown {
  if (cause instanceof TocsinError) return cause;
  const code = sqliteCode(cause);
  if (code === SQLITE.notADatabase || code === SQLITE.corrupt) return notALock(file, cause);
  if (code === undefined) return cause;
  const detail = cause instanceof Error ? cause.message : String(cause);
  const message = `cannot write the lock file ${file}: ${detail}`;
  return new TocsinError('usage', 'lock_unusable', message, {
    hint: 'Check that this user may write to that directory and that its disk is not full.',
    cause,
  });
}

function notALock(file: string, cause?: unknown): TocsinError {
  const message = `${file} is not a lock file of Tocsin, or is damaged`;
  return new TocsinError('refused', 'lock_foreign', message, {
    hint: 'If no Tocsin process uses the file beside it, delete the lock file; otherwise stop that process first.',
    cause,
  });
}
