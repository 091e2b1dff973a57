// A SQLite file with indexes of one log: the id of the log, and a checkpoint for each index.
import type { DatabaseSync } from 'node:sqlite';
import { TocsinError } from '../../domain/core/errors.ts';
import type { Position } from '../../domain/core/positions.ts';
import type { EventRef } from '../../projections/read-model.ts';
import { kept, opened, openError } from './open.ts';
import { ownFile, type DerivedFile, type DerivedFormat } from './made-from-log.ts';
import { eventRef, insertInto, nullable, position, query, record, table, text } from './table.ts';

export type SqliteIndexOptions = {
  /** The file; it and its directory are made if missing. */
  readonly file: string;
  /** The id of the log; a file of another log is refused. */
  readonly storeId: string;
  /** The owner's name, for the error of a second owner; default "a worker". */
  readonly owner?: string;
};

/** Holds the upper levels of the trees of a million rows. */
const CACHE_KIB = 8 * 1024;

type Checkpoint = {
  readonly name: string;
  readonly position: Position;
  readonly lastEvent: EventRef | null;
};

const CHECKPOINTS = table(
  'checkpoints',
  record<Checkpoint>({ name: text, position, lastEvent: nullable(eventRef) }),
);

const TABLES = `
  CREATE TABLE log (one INTEGER PRIMARY KEY CHECK (one = 1), store_id TEXT NOT NULL);
  CREATE TABLE checkpoints (${CHECKPOINTS.definition}, PRIMARY KEY (name));`;

/** The format of an index file with `tables`. Older files are emptied: their rows can be made from the log. */
export function indexFormat(
  format: Pick<DerivedFormat, 'applicationId' | 'version' | 'what'>,
  tables: string,
): DerivedFormat {
  const create = (db: DatabaseSync): void => {
    db.exec(`${TABLES} ${tables}`);
  };
  return {
    ...format,
    codes: {
      inUse: 'index_in_use',
      closed: 'index_closed',
      full: 'disk_full',
      unwritable: 'index_unwritable',
      rejected: 'index_rejected',
    },
    inUseHint: 'Stop one of the two, or give this worker a folder of its own.',
    create,
    upgrade(db) {
      const old = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
      for (const { name } of old) db.exec(`DROP TABLE ${String(name)}`);
      create(db);
    },
  };
}

/** Opens the file as its one owner. @throws TocsinError like `sqliteDueIndexes` */
export function ownIndexFile(options: SqliteIndexOptions, format: DerivedFormat): DerivedFile {
  const { file, storeId, owner = 'a worker' } = options;
  // A power cut can undo the last commits, rows and checkpoint together.
  const pragmas = `PRAGMA synchronous = NORMAL; PRAGMA cache_size = -${CACHE_KIB}`;
  return kept(ownFile(file, format, { owner, pragmas }), (owned) => {
    assertLog(owned, storeId);
    return owned;
  });
}

/** @throws TocsinError `refused` (`index_of_other_log`) when the file is of another log than `storeId` */
export function assertLog({ db, name, guarded }: DerivedFile, storeId: string): void {
  const found = guarded(() => {
    db.prepare('INSERT INTO log (one, store_id) VALUES (1, ?) ON CONFLICT DO NOTHING').run(storeId);
    return db.prepare('SELECT store_id FROM log').get()?.['store_id'];
  });
  if (found === storeId) return;
  throw new TocsinError('refused', 'index_of_other_log', `${name} belongs to another log`, {
    hint: 'Check which store is meant. If it is the right one, delete the file and those beside it that end in -wal and -shm: it is built again from the log.',
  });
}

export function indexCheckpoint({ db }: DerivedFile, name: string) {
  const find = query(db, CHECKPOINTS, 'FROM checkpoints WHERE name = ?');
  const put = db.prepare(insertInto(CHECKPOINTS, 'INSERT OR REPLACE'));
  return {
    position: (): Position | undefined => find.get(name)?.position,
    lastEvent: (): EventRef | undefined => find.get(name)?.lastEvent ?? undefined,
    /** @param last absent, the last event stays as it was */
    move(to: Position, last: EventRef | undefined): void {
      const lastEvent = last ?? find.get(name)?.lastEvent ?? null;
      put.run(...CHECKPOINTS.values({ name, position: to, lastEvent }));
    },
  };
}

/** Where each index of a file stands, read beside its owner. `storeId` is absent before the first use. */
export function indexEnds(file: string): {
  readonly storeId: string | undefined;
  readonly ends: readonly {
    readonly name: string;
    readonly position: Position;
    readonly last: EventRef;
  }[];
} {
  const db = opened(file, true, () => undefined);
  try {
    const storeId: unknown = db.prepare('SELECT store_id FROM log').get()?.['store_id'];
    const ends = query(db, CHECKPOINTS, 'FROM checkpoints')
      .all()
      .flatMap(({ name, position: at, lastEvent: last }) =>
        last === null ? [] : [{ name, position: at, last }],
      );
    return { storeId: typeof storeId === 'string' ? storeId : undefined, ends };
  } catch (error) {
    throw openError(file, 'an index of a worker', error);
  } finally {
    db.close();
  }
}
