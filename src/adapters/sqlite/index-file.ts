// A SQLite file with an index of one log: it has one owner, is made from the log, and can be deleted.
// Knows the place that an index has reached, not what its rows mean.
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { Position } from '../../domain/core/positions.ts';
import type { EventRef } from '../../projections/read-model.ts';
import { acquireFileLock } from './file-lock.ts';
import { damaged, guarded, indexInUse, otherLog } from './index-errors.ts';
import { openSqlite, type SqliteFormat } from './open.ts';

export type SqliteIndexOptions = {
  /** The file; it and its directory are made if missing. */
  readonly file: string;
  /** The id of the log that the rows are about; a file of another log is refused. */
  readonly storeId: string;
  /** Who opens it, in words that a second owner is told; default "a worker". */
  readonly owner?: string;
};

/** The owner's connection; disposing closes it and lets the next owner in, also when done twice. */
export type IndexFile = Disposable & {
  readonly db: DatabaseSync;
  /** Runs `work` on the file and gives its errors a code and a hint. */
  readonly guarded: <T>(work: () => T) => T;
};

/** Page cache: the upper levels of the trees of a million rows fit in. */
const CACHE_KIB = 8 * 1024;

/** Opens the file as its one owner. */
export function openIndexFile(options: SqliteIndexOptions, format: SqliteFormat): IndexFile {
  const { file, storeId, owner = 'a worker' } = options;
  using undo = new DisposableStack();
  undo.use(
    acquireFileLock(file, {
      holder: owner,
      inUse: (other) =>
        indexInUse(file, other === undefined ? 'another' : `${other.what} (process ${other.pid})`),
    }),
  );
  const db = guarded(file, format.what, () => {
    const opened = openSqlite(file, format);
    undo.defer(() => {
      opened.close();
    });
    // A power cut can cost the last commits, whole: place and rows go back together.
    opened.exec(`PRAGMA synchronous = NORMAL; PRAGMA cache_size = -${CACHE_KIB}`);
    bind(opened, file, storeId);
    return opened;
  });
  const resources = undo.move();
  return {
    db,
    guarded: (work) => guarded(file, format.what, work),
    [Symbol.dispose]: () => {
      resources.dispose();
    },
  };
}

function bind(db: DatabaseSync, file: string, storeId: string): void {
  db.prepare('INSERT INTO log (one, store_id) VALUES (1, ?) ON CONFLICT DO NOTHING').run(storeId);
  if (db.prepare('SELECT store_id FROM log').get()?.['store_id'] !== storeId) throw otherLog(file);
}

type Row = Readonly<Record<string, SQLOutputValue>>;

/** The place in a row; `undefined` before the first commit. The row is read with big integers. */
export function positionOf(row: Row | undefined): Position | undefined {
  if (row === undefined || row['position_commit'] === null) return undefined;
  return { commit: bigint(row['position_commit']), prepare: bigint(row['position_prepare']) };
}

/** The last event in a row; `undefined` before the first. The row is read with big integers. */
export function lastEventOf(row: Row | undefined): EventRef | undefined {
  if (row === undefined || row['last_event'] === null) return undefined;
  const [id, stream] = [String(row['last_event']), String(row['last_stream'])];
  return { id, stream, revision: bigint(row['last_revision']) };
}

/** The columns of an event, `null` where it is to stay as it was. */
export function columnsOf(last: EventRef | undefined): (string | bigint | null)[] {
  return [last?.id ?? null, last?.stream ?? null, last?.revision ?? null];
}

/** A cell of a row that was read with big integers. */
export function bigint(value: SQLOutputValue | undefined): bigint {
  if (typeof value === 'bigint') return value;
  throw damaged(`an integer of the index is ${typeof value} ${String(value)}`);
}
