// The read model in a SQLite file: one owner writes, others may read. docs/read-model.md explains its tables.
import type { ReadModelTables } from '../../projections/audit/reading/ports.ts';
import type { ReadModel } from '../../projections/read-model.ts';
import { ownFile, readFile, temporaryFile, type DerivedFile } from './made-from-log.ts';
import { kept } from './open.ts';
import { readModelReader } from './read-model-reader.ts';
import { READ_MODEL_FORMAT } from './read-model-format.ts';
import { readModelWriter } from './read-model-writer.ts';

export type SqliteReadModelOptions = {
  /** The file; it and its directory are made if missing. */
  readonly file: string;
  /** The owner's name, for the error of a second owner; default "a projector". */
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

/** Holds the upper levels of the indexes of ten million notifications. */
const CACHE_KIB = 16 * 1024;
/** Of a temporary read model. With a million events 16 MiB were not faster. */
const TEMPORARY_CACHE_KIB = 8 * 1024;
/** Of a reader. SQLite also sorts in portions of this size, the rest in temporary files. */
const READER_CACHE_KIB = 4 * 1024;
/** Pages of the write-ahead log until SQLite moves them into the file: more is faster, but stalls longer. */
const WAL_PAGES = 4_000;
const WAL_LIMIT_BYTES = 64 * 1024 * 1024;
/** How long a commit waits for other programs; the wait blocks the event loop. */
const BUSY_TIMEOUT_MS = 1_000;

/**
 * Opens the read model in `file` as its one owner. A lock beside the file keeps a second owner out; and every commit
 * must find owner and sequence as this owner left them.
 *
 * @throws TocsinError `refused` (`read_model_in_use`) when another process or object owns it; `refused`
 * when the file is damaged, newer or not a read model; `usage` when it cannot be opened
 */
export function sqliteReadModel(options: SqliteReadModelOptions): SqliteReadModel {
  const { file, owner = 'a projector', busyTimeoutMs = BUSY_TIMEOUT_MS, maxPages } = options;
  // Without syncs a power cut can cost the last commits, whole. The output stream is then ahead of the read model, and
  // the projector folds the missing events again without publishing their messages.
  const pragmas = `
    PRAGMA synchronous = NORMAL; PRAGMA cache_size = -${CACHE_KIB};
    PRAGMA wal_autocheckpoint = ${WAL_PAGES}; PRAGMA journal_size_limit = ${WAL_LIMIT_BYTES};
    PRAGMA busy_timeout = ${busyTimeoutMs};
    ${maxPages === undefined ? '' : `PRAGMA max_page_count = ${maxPages}`}`;
  const owned = ownFile(file, READ_MODEL_FORMAT, { owner, pragmas });
  const model = kept(owned, () => readModelOn(owned, owner));
  // A connection of its own: the owner may commit while somebody iterates.
  return { ...model, dedupeKeys: () => keysOnOwnConnection(file) };
}

/**
 * Opens the read model in `file` for reading, beside its owner; it sees what was committed.
 *
 * @param options.snapshot reads one state until disposed. Dispose it within minutes: the owner's write-ahead log
 * grows meanwhile.
 * @throws TocsinError `usage` when there is no such file; otherwise like {@link sqliteReadModel}
 */
export function openReadModelReader(
  file: string,
  options: { readonly snapshot?: boolean } = {},
): SqliteReadModelReader {
  const pragmas = `PRAGMA cache_size = -${READER_CACHE_KIB}`;
  return kept(readFile(file, READ_MODEL_FORMAT, { ...options, pragmas }), (opened) => {
    const reader = readModelReader(opened);
    // Finds damage now; also, a transaction's view begins with its first read.
    reader.checkpoint();
    return {
      ...reader,
      [Symbol.dispose]: () => {
        opened[Symbol.dispose]();
      },
    };
  });
}

/**
 * A read model in a temporary file, which the system removes with the process: memory stays constant. The file is
 * in `SQLITE_TMPDIR`, else `TMPDIR`.
 */
export function temporaryReadModel(): SqliteReadModel {
  // Without syncs, since it ends with the process; the journal in memory rolls back failed commits.
  const pragmas = `
    PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;
    PRAGMA cache_size = -${TEMPORARY_CACHE_KIB}`;
  const file = temporaryFile('', 'the temporary read model', READ_MODEL_FORMAT, pragmas);
  return readModelOn(file, 'a replay');
}

/** A read model on an open file with a new owner. */
export function readModelOn(file: DerivedFile, owner: string): SqliteReadModel {
  const reader = readModelReader(file, { mayWrite: true });
  // Finds damage before anything is written.
  reader.checkpoint();
  return {
    ...reader,
    ...readModelWriter(file, `${owner} ${crypto.randomUUID()}`),
    [Symbol.dispose]: () => {
      file[Symbol.dispose]();
    },
  };
}

function* keysOnOwnConnection(file: string): Generator<string, void, undefined> {
  using reader = openReadModelReader(file);
  yield* reader.dedupeKeys();
}
