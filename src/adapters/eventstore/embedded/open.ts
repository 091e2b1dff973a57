// Opens a store's file as its one owner, for the embedded store and the front: lock, writing thread and readers.
import { TocsinError } from '../../../domain/core/errors.ts';
import type { AppendResult } from '../../../domain/ports/event-store.ts';
import type { StreamRemover } from '../../../domain/ports/stream-remover.ts';
import { acquireFileLock, ownerText, type LockOwner } from '../../sqlite/file-lock.ts';
import type { AppendRequest } from '../common/append-request.ts';
import { storeClosed, type Log } from '../common/reading.ts';
import { commitSignal, type CommitSignal } from '../common/subscription.ts';
import { fileConnection } from './connection.ts';
import { logOn } from './log.ts';
import type { UpkeepResult, WriterSettings } from './protocol.ts';
import { rowsOn, type FileRows } from './rows.ts';
import { startWriter } from './writer.ts';

export type EmbeddedStoreOptions = {
  /** The SQLite file; created with its directory if missing. */
  readonly file: string;
  /** The name of this process in the error of a second owner. Default: "an embedded store". */
  readonly holder?: string | undefined;
};

/** An owned file. Every call throws `store_closed` after disposal. */
export type EmbeddedEngine = AsyncDisposable &
  StreamRemover & {
    /** Resolves with the outcome; `unknown` after `deadlineMs`. */
    readonly append: (request: AppendRequest, deadlineMs: number) => Promise<AppendResult>;
    readonly log: Log;
    readonly rows: FileRows;
    readonly commits: CommitSignal;
  };

/** Takes the file and starts the writing thread. @throws TocsinError like `embeddedStore` */
export async function openEngine(
  { file, holder = 'an embedded store' }: EmbeddedStoreOptions,
  settings: Omit<WriterSettings, 'file'> = {},
): Promise<EmbeddedEngine> {
  await using undo = new AsyncDisposableStack();
  undo.use(acquireFileLock(file, { holder, inUse: (owner) => storeInUse(file, owner) }));
  const commits = commitSignal();
  const writer = await startWriter({ ...settings, file }, commits.notify);
  undo.defer(writer.close);
  const reader = fileConnection(file);
  // The reader closes first: the last connection moves the WAL into the file, so it must be the writer's.
  undo.defer(() => {
    reader.close();
    commits.notify();
  });
  const resources = undo.move();
  let closing: Promise<void> | undefined;

  return {
    async append(request, deadlineMs) {
      if (closing !== undefined) throw storeClosed();
      return writer.append(request, deadlineMs);
    },
    async removeStreams(groups) {
      if (closing !== undefined) throw storeClosed();
      const result = await writer.upkeep({ kind: 'remove', groups });
      if (result.kind === 'removed') return result.groups;
      throw upkeepFailed(file, result);
    },
    async shrink() {
      if (closing !== undefined) throw storeClosed();
      const result = await writer.upkeep({ kind: 'shrink' });
      if (result.kind === 'space') return result.space;
      throw upkeepFailed(file, result);
    },
    log: logOn(reader.on),
    rows: rowsOn(reader.on),
    commits,
    [Symbol.asyncDispose]() {
      closing ??= resources.disposeAsync();
      return closing;
    },
  };
}

function upkeepFailed(file: string, result: UpkeepResult): TocsinError {
  const why = result.kind === 'failed' ? result.message : 'the answer is another one';
  return new TocsinError('unavailable', 'store_upkeep_failed', `cannot change ${file}: ${why}`, {
    hint: 'Nothing is lost. Check the disk, and run the command again: it continues.',
  });
}

function storeInUse(file: string, owner: LockOwner | undefined): TocsinError {
  return new TocsinError('refused', 'store_in_use', `${file} is in use by ${ownerText(owner)}`, {
    hint: 'Stop that process, or let both use one server: run `tocsin store` and connect with esdb://.',
  });
}
