// The embedded event store: one SQLite file with one owner process. Several processes share it through `tocsin store`.
import type { EventStore } from '../../../domain/ports/event-store.ts';
import type { StreamRemover } from '../../../domain/ports/stream-remover.ts';
import { openSqliteReadOnly } from '../../sqlite/open.ts';
import { encodeAppend } from '../common/append-request.ts';
import { storeClosed, readAllPages, readStreamPages } from '../common/reading.ts';
import { subscription } from '../common/subscription.ts';
import { fileLog } from './log.ts';
import { openEngine, type EmbeddedStoreOptions } from './open.ts';
import type { WriterSettings } from './protocol.ts';
import { STORE_FORMAT } from './schema.ts';

export type { EmbeddedStoreOptions } from './open.ts';

/** The event store of this process, with what an archive needs of the owner of the file. */
export type EmbeddedStore = EventStore & StreamRemover;

/** How long an append waits for its answer when the caller does not say. */
const DEFAULT_DEADLINE_MS = 10_000;

/**
 * Opens the embedded event store as its one owner. A thread commits appends in groups and syncs each group to disk
 * before it answers.
 *
 * @throws TocsinError `refused` with code `store_in_use` when another owner has the file, or with
 * `file_damaged`, `file_newer` or `file_foreign`; `usage` when the file cannot be opened
 */
export function embeddedStore(options: EmbeddedStoreOptions): Promise<EmbeddedStore> {
  return openEmbeddedStore(options, {});
}

/** {@link embeddedStore} with the settings of tests. */
export async function openEmbeddedStore(
  options: EmbeddedStoreOptions,
  forTests: Omit<WriterSettings, 'file'>,
): Promise<EmbeddedStore> {
  const engine = await openEngine(options, forTests);
  const { log, commits } = engine;
  let closed = false;
  return {
    async append(stream, expected, events, { deadlineMs = DEFAULT_DEADLINE_MS } = {}) {
      if (closed) throw storeClosed();
      const request = encodeAppend(stream, expected, events);
      return 'outcome' in request ? request : engine.append(request, deadlineMs);
    },
    readStream: (stream, read) => readStreamPages(log, stream, read),
    readAll: (read) => readAllPages(log, read),
    subscribeAll: (subscribe) => subscription({ log, commits }, subscribe),
    removeStreams: (groups) => engine.removeStreams(groups),
    shrink: () => engine.shrink(),
    [Symbol.asyncDispose]() {
      closed = true;
      return engine[Symbol.asyncDispose]();
    },
  };
}

/** Reads an embedded store while its owner runs; it writes nothing and takes no lock. */
export type EmbeddedReader = Pick<EventStore, 'readStream' | 'readAll'> & AsyncDisposable;

/**
 * Opens an embedded store's file for reading.
 *
 * @throws TocsinError like {@link embeddedStore}, and `usage` when there is no such file
 */
export function embeddedReader(file: string): EmbeddedReader {
  // Opens the file once, so that a wrong path is an error here and not at the first read.
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
