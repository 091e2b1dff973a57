// The read model in one SQLite file: one owner writes, anybody may read meanwhile. What its tables
// mean to people is in docs/read-model.md.
import { DatabaseSync } from 'node:sqlite';
import { TocsinError } from '../../domain/core/errors.ts';
import type { ReadModel } from '../../projections/read-model.ts';
import { acquireFileLock, type LockOwner } from './file-lock.ts';
import { openSqlite, openSqliteReadOnly } from './open.ts';
import { IN_USE, STANDBY_HINT } from './read-model-commit.ts';
import { guarded, opening } from './read-model-errors.ts';
import { readModelQueries } from './read-model-queries.ts';
import { createTables, READ_MODEL_FORMAT } from './read-model-schema.ts';
import type { ReadModelTables } from './read-model-tables.ts';
import { readModelWrites } from './read-model-writes.ts';

export type SqliteReadModelOptions = {
  /** The file; it and its directory are made if missing. */
  readonly file: string;
  /** Who opens it, in words that a second owner is told; default "a projector". */
  readonly owner?: string;
  /** @internal The most pages of the file, so that tests can fill the disk. */
  readonly maxPages?: number;
  /** @internal How long a commit waits for other programs that hold the file. */
  readonly busyTimeoutMs?: number;
};

/** A read model whose tables can also be read whole. */
export type SqliteReadModel = ReadModel & ReadModelTables;

/** A reader with a connection of its own. */
export type SqliteReadModelReader = ReadModelTables & Disposable;

/** Page cache of a connection. The upper levels of the indexes of ten million notices fit in. */
const CACHE_KIB = 16 * 1024;
/** Page cache of a temporary one. Measured at a million events: sixteen were not faster. */
const TEMPORARY_CACHE_KIB = 8 * 1024;
/** Page cache of a reader. SQLite also sorts in portions of this size, the rest in temporary files. */
const READER_CACHE_KIB = 4 * 1024;
/** Pages after which SQLite moves the write-ahead log into the file: rarer is faster, but stalls longer. */
const WAL_PAGES = 4_000;
/** Nobody else has reason to write the file; whoever does may not stop the event loop for long. */
const BUSY_TIMEOUT_MS = 1_000;

/**
 * Opens the read model in `file` as its one owner.
 *
 * Two things keep a second owner out: a lock beside the file, and the owner and sequence that every
 * commit must find as this owner left them.
 *
 * @throws TocsinError `refused` (`read_model_in_use`) when another process or object owns it; `refused`
 * when the file is damaged, newer or not a read model; `usage` when it cannot be opened
 */
export function sqliteReadModel(options: SqliteReadModelOptions): SqliteReadModel {
  const { file, owner = 'a projector' } = options;
  assertFileName(file);
  const lock = acquireFileLock(file, { holder: owner, inUse: (other) => inUse(file, other) });
  let db: DatabaseSync | undefined;
  try {
    db = opening(() => openSqlite(file, READ_MODEL_FORMAT));
    // WAL with synchronous = NORMAL: commits wait for no sync, and a power cut can cost the last of
    // them, whole. The output stream is then ahead of the read model, and resuming folds what is
    // missing again without publishing it (design, section 5: L > S). Nothing tears, nothing is sent twice.
    db.exec(`
      PRAGMA synchronous = NORMAL; PRAGMA cache_size = -${CACHE_KIB};
      PRAGMA wal_autocheckpoint = ${WAL_PAGES}; PRAGMA journal_size_limit = ${64 * 1024 * 1024}`);
    db.exec(`PRAGMA busy_timeout = ${options.busyTimeoutMs ?? BUSY_TIMEOUT_MS}`);
    if (options.maxPages !== undefined) db.exec(`PRAGMA max_page_count = ${options.maxPages}`);
    return onConnection(db, file, owner, {
      // A connection of its own: the owner may commit while somebody iterates.
      dedupeKeys: () => keysOnOwnConnection(file),
      close: () => {
        lock[Symbol.dispose]();
      },
    });
  } catch (error) {
    db?.close();
    lock[Symbol.dispose]();
    throw error;
  }
}

/**
 * Opens the read model in `file` for reading, beside its owner; it sees what was committed.
 *
 * @param options.snapshot see one state of the file until disposed. Dispose it within minutes: the
 * owner's write-ahead log grows as long as somebody looks at an old state.
 * @throws TocsinError `usage` when there is no such file; otherwise like {@link sqliteReadModel}
 */
export function openReadModelReader(
  file: string,
  options: { readonly snapshot?: boolean } = {},
): SqliteReadModelReader {
  assertFileName(file);
  const db = opening(() => openSqliteReadOnly(file, READ_MODEL_FORMAT));
  try {
    db.exec(`PRAGMA query_only = ON; PRAGMA cache_size = -${READER_CACHE_KIB}`);
    const queries = readModelQueries(db, file);
    if (options.snapshot === true) db.exec('BEGIN');
    // Says now what is wrong with the file; also, a transaction's view begins with its first read.
    queries.checkpoint();
    return { ...queries, [Symbol.dispose]: closerOf(db) };
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * A read model of one's own in a file without a name: memory stays constant however much is folded,
 * and the system removes the file with the process. It lies in `SQLITE_TMPDIR`, else `TMPDIR`.
 */
export function temporaryReadModel(): SqliteReadModel {
  const what = 'the temporary read model';
  const db = new DatabaseSync('');
  try {
    guarded(what, () => {
      // Nobody else can open it and it does not outlive us: nothing has to be synced, but a failed
      // commit must still roll back, so there is a journal, in memory.
      db.exec(`
        PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;
        PRAGMA cache_size = -${TEMPORARY_CACHE_KIB}`);
      createTables(db);
    });
    return onConnection(db, what, 'a replay', {});
  } catch (error) {
    db.close();
    throw error;
  }
}

function onConnection(
  db: DatabaseSync,
  what: string,
  owner: string,
  parts: { readonly dedupeKeys?: () => Iterable<string>; readonly close?: () => void },
): SqliteReadModel {
  const queries = readModelQueries(db, what, { mayWrite: true });
  // Before anything is written: what cannot be read is no state to go on from.
  queries.checkpoint();
  const writes = guarded(what, () => readModelWrites(db, `${owner} ${crypto.randomUUID()}`, what));
  const close = closerOf(db, parts.close);
  return {
    ...queries,
    dedupeKeys: parts.dedupeKeys ?? (() => queries.dedupeKeys()),
    commit: (commit) => {
      guarded(what, () => {
        writes.commit(commit);
      });
    },
    reset: () => {
      guarded(what, () => {
        writes.reset();
      });
    },
    [Symbol.dispose]: close,
  };
}

function* keysOnOwnConnection(file: string): Iterable<string> {
  using reader = openReadModelReader(file);
  yield* reader.dedupeKeys();
}

function closerOf(db: DatabaseSync, after?: () => void): () => void {
  return () => {
    if (!db.isOpen) return;
    db.close();
    after?.();
  };
}

function assertFileName(file: string): void {
  // SQLite takes these two for databases that vanish, and "file:" for a URI.
  if (file !== '' && file !== ':memory:' && !file.startsWith('file:')) return;
  throw new TocsinError('usage', 'file_unusable', `${JSON.stringify(file)} is not a file's path`, {
    hint: 'Name a file with --state.',
  });
}

/** The error of whoever comes second to a read model. */
export function inUse(file: string, other: LockOwner | undefined): TocsinError {
  const who =
    other === undefined
      ? 'another process'
      : `${other.what} (process ${other.pid} on ${other.host}, since ${other.since})`;
  return new TocsinError('refused', IN_USE, `${file} is in use by ${who}`, { hint: STANDBY_HINT });
}
