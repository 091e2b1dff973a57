// The embedded event store: one SQLite file, one owner, no server. For one machine; several processes
// share it through `tocsin store`.
import { TocsinError } from '../../../domain/core/errors.ts';
import type { EventStore } from '../../../domain/ports/event-store.ts';
import { acquireFileLock, type LockOwner } from '../../sqlite/file-lock.ts';
import { openSqliteReadOnly } from '../../sqlite/open.ts';
import { encodeAppend } from '../common/append-request.ts';
import { storeClosed } from '../common/closed.ts';
import { commitSignal } from '../common/commit-signal.ts';
import { readAllPages, readStreamPages } from '../common/reading.ts';
import { subscription } from '../common/subscription.ts';
import { fileLog } from './log.ts';
import type { WriterSettings } from './protocol.ts';
import { STORE_FORMAT } from './schema.ts';
import { startWriter } from './writer.ts';

/** How long an append waits for its answer when the caller does not say. */
const DEFAULT_DEADLINE_MS = 10_000;

export type EmbeddedStoreOptions = {
  /** The SQLite file; made, with its directory, if it is not there. */
  readonly file: string;
  /** What this process is, for the error that a second owner gets. Default: "an embedded store". */
  readonly holder?: string | undefined;
};

/**
 * Opens the embedded event store as its one owner. Commits are synced to disk before they are
 * answered, many at a time, by a thread of their own.
 *
 * @throws TocsinError `refused` with code `store_in_use` when another owner has the file, or with
 * `file_damaged`, `file_newer` or `file_foreign`; `usage` when the file cannot be opened
 */
export function embeddedStore(options: EmbeddedStoreOptions): Promise<EventStore> {
  return openEmbeddedStore(options, {});
}

/** {@link embeddedStore} with what only tests set. */
export async function openEmbeddedStore(
  { file, holder = 'an embedded store' }: EmbeddedStoreOptions,
  forTests: Omit<WriterSettings, 'file'>,
): Promise<EventStore> {
  await using undo = new AsyncDisposableStack();
  undo.use(acquireFileLock(file, { holder, inUse: (owner) => storeInUse(file, owner) }));
  const commits = commitSignal();
  const writer = await startWriter({ ...forTests, file }, commits.notify);
  undo.defer(writer.close);
  const log = fileLog(file);
  // The reader goes first: the last connection to close folds the WAL into the file, and it must be
  // one that can write.
  undo.defer(() => {
    log.close();
    commits.notify();
  });
  const resources = undo.move();
  let closing: Promise<void> | undefined;

  return {
    async append(stream, expected, events, { deadlineMs = DEFAULT_DEADLINE_MS } = {}) {
      if (closing !== undefined) throw storeClosed();
      const request = encodeAppend(stream, expected, events);
      return 'outcome' in request ? request : writer.append(request, deadlineMs);
    },
    readStream: (stream, options) => readStreamPages(log, stream, options),
    readAll: (options) => readAllPages(log, options),
    subscribeAll: (options) => subscription({ log, commits }, options),
    [Symbol.asyncDispose]() {
      closing ??= resources.disposeAsync();
      return closing;
    },
  };
}

/** Reads an embedded store beside its owner; writes nothing and takes no lock. */
export type EmbeddedReader = Pick<EventStore, 'readStream' | 'readAll'> & AsyncDisposable;

/**
 * Opens an embedded store's file for reading, also while its owner runs.
 *
 * @throws TocsinError like {@link embeddedStore}, and `usage` when there is no such file
 */
export function embeddedReader(file: string): EmbeddedReader {
  // Opened here once, so that a wrong path is an error now and not at the first read.
  openSqliteReadOnly(file, STORE_FORMAT).close();
  const log = fileLog(file);
  return {
    readStream: (stream, options) => readStreamPages(log, stream, options),
    readAll: (options) => readAllPages(log, options),
    [Symbol.asyncDispose]() {
      log.close();
      return Promise.resolve();
    },
  };
}

function storeInUse(file: string, owner: LockOwner | undefined): TocsinError {
  const who =
    owner === undefined
      ? 'another process'
      : `${owner.what} (pid ${owner.pid} on ${owner.host}, since ${owner.since})`;
  return new TocsinError('refused', 'store_in_use', `${file} is in use by ${who}`, {
    hint: 'Stop that process, or let both use one server: run `tocsin store` and connect with esdb://.',
  });
}
