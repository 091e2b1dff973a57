// The read model in one SQLite file: one owner writes, anybody may read meanwhile. docs/read-model.md says
// what its tables mean.
import type { ReadModelTables } from '../../projections/audit/reading/ports.ts';
import type { ReadModel } from '../../projections/read-model.ts';
import { ownFile, readFile, temporaryFile, type DerivedFile } from './made-from-log.ts';
import { readModelReader } from './read-model-reader.ts';
import { READ_MODEL_FORMAT } from './read-model-tables.ts';
import { readModelWriter } from './read-model-writer.ts';

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

/** Page cache of a connection. The upper levels of the indexes of ten million notifications fit in. */
const CACHE_KIB = 16 * 1024;
/** Page cache of a temporary one. Measured at a million events: sixteen MiB were not faster. */
const TEMPORARY_CACHE_KIB = 8 * 1024;
/** Page cache of a reader. SQLite also sorts in portions of this size, the rest in temporary files. */
const READER_CACHE_KIB = 4 * 1024;
/** Pages after which SQLite moves the write-ahead log into the file: rarer is faster, but stalls longer. */
const WAL_PAGES = 4_000;
const WAL_LIMIT_BYTES = 64 * 1024 * 1024;
/** No other program has reason to write the file; one that does may not stop the event loop for long. */
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
  const { file, owner = 'a projector', busyTimeoutMs = BUSY_TIMEOUT_MS, maxPages } = options;
  // With synchronous = NORMAL commits wait for no sync, and a power cut can cost the last of them, whole.
  // The output stream is then ahead of the read model; the projector folds the missing events again
  // without publishing their messages, so nothing is torn and nothing is sent twice.
  const pragmas = `
    PRAGMA synchronous = NORMAL; PRAGMA cache_size = -${CACHE_KIB};
    PRAGMA wal_autocheckpoint = ${WAL_PAGES}; PRAGMA journal_size_limit = ${WAL_LIMIT_BYTES};
    PRAGMA busy_timeout = ${busyTimeoutMs};
    ${maxPages === undefined ? '' : `PRAGMA max_page_count = ${maxPages}`}`;
  using undo = new DisposableStack();
  const owned = undo.use(ownFile(file, READ_MODEL_FORMAT, { owner, pragmas }));
  const model = readModelOn(owned, owner);
  undo.move();
  // A connection of its own: the owner may commit while somebody iterates.
  return { ...model, dedupeKeys: () => keysOnOwnConnection(file) };
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
  const pragmas = `PRAGMA cache_size = -${READER_CACHE_KIB}`;
  using undo = new DisposableStack();
  const opened = undo.use(readFile(file, READ_MODEL_FORMAT, { ...options, pragmas }));
  const reader = readModelReader(opened);
  // Finds damage now; also, a transaction's view begins with its first read.
  reader.checkpoint();
  const resources = undo.move();
  return {
    ...reader,
    [Symbol.dispose]: () => {
      resources.dispose();
    },
  };
}

/**
 * A read model of one's own in a file without a name: memory stays constant however much is folded,
 * and the system removes the file with the process. It lies in `SQLITE_TMPDIR`, else `TMPDIR`.
 */
export function temporaryReadModel(): SqliteReadModel {
  // Nobody else can open it and it does not outlive the process: nothing has to be synced, but a failed
  // commit must still roll back, so there is a journal, in memory.
  const pragmas = `
    PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;
    PRAGMA cache_size = -${TEMPORARY_CACHE_KIB}`;
  const file = temporaryFile('', 'the temporary read model', READ_MODEL_FORMAT, pragmas);
  return readModelOn(file, 'a replay');
}

/** A read model on an open file; `owner` takes it over. */
export function readModelOn(file: DerivedFile, owner: string): SqliteReadModel {
  const reader = readModelReader(file, { mayWrite: true });
  // Before anything is written: what cannot be read is no state to go on from.
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
