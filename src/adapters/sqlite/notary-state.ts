// The notary's state in a SQLite file. It is not a file that can be made again from the log, because somebody may
// have changed the log since: keep it together with the heads.
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { TocsinError } from '../../domain/core/errors.ts';
import { formatPosition, parsePosition } from '../../domain/core/positions.ts';
import { joinHashes, splitHashes } from '../../projections/notary/frontier.ts';
import { parseHead } from '../../projections/notary/head.ts';
import type { Chunk, NotaryRecord, NotaryState } from '../../projections/notary/state.ts';
import { acquireFileLock, ownerText } from './file-lock.ts';
import { kept, openError, openSqlite, openSqliteReadOnly, transaction } from './open.ts';
import type { SqliteFormat } from './open.ts';

const FORMAT: SqliteFormat = {
  applicationId: 0x54_6c_6e_74, // "Tlnt"
  version: 1,
  what: 'the state of a Tocsin notary',
  create(db) {
    db.exec(`
      CREATE TABLE place (one INTEGER PRIMARY KEY CHECK (one = 1), store_id TEXT NOT NULL, size INTEGER NOT NULL,
        peaks BLOB NOT NULL, position TEXT NOT NULL, last_id TEXT NOT NULL, last_stream TEXT NOT NULL,
        last_revision TEXT NOT NULL);
      CREATE TABLE chunks (number INTEGER PRIMARY KEY, after TEXT, root BLOB, leaves BLOB NOT NULL);
      CREATE TABLE heads (number INTEGER PRIMARY KEY AUTOINCREMENT, head TEXT NOT NULL);
      CREATE TABLE given (output TEXT PRIMARY KEY, number INTEGER NOT NULL);`);
  },
};

/**
 * Opens the file as its one owner; makes it if missing.
 * @throws TocsinError `refused` when another notary owns it (`notary_in_use`) or it is damaged, `usage` when it cannot
 * be opened
 */
export function sqliteNotaryState(options: {
  readonly file: string;
  /** For the error of a second owner; default `a notary`. */
  readonly owner?: string;
}): NotaryState {
  const { file, owner = 'a notary' } = options;
  using undo = new DisposableStack();
  undo.use(
    acquireFileLock(file, {
      holder: owner,
      inUse: (other) => {
        const message = `${file} is in use by ${ownerText(other)}`;
        const hint = 'Stop one of the two, or give this notary a state of its own with --notary.';
        return new TocsinError('refused', 'notary_in_use', message, { hint });
      },
    }),
  );
  const db = undo.use(openSqlite(file, FORMAT));
  const record = recordOf(db, file);
  const place = db.prepare('INSERT OR REPLACE INTO place VALUES (1, ?, ?, ?, ?, ?, ?, ?)');
  const chunk = db.prepare('INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?)');
  const head = db.prepare('INSERT INTO heads (head) VALUES (?)');
  const given = db.prepare('SELECT number FROM given WHERE output = ?');
  const gave = db.prepare('INSERT OR REPLACE INTO given VALUES (?, ?)');
  const closes = undo.move();
  return {
    ...record,
    commit(storeId, { size, peaks, position, lastEvent }, chunks) {
      guarded(file, () => {
        transaction(db, () => {
          for (const { number, after, root, leaves } of chunks) {
            chunk.run(number, after && formatPosition(after), root, joinHashes(leaves));
          }
          const { id, stream, revision } = lastEvent;
          const at = formatPosition(position);
          place.run(storeId, size, joinHashes(peaks), at, id, stream, String(revision));
        });
      });
    },
    addHead(signed) {
      guarded(file, () => head.run(JSON.stringify(signed)));
    },
    given: (output) => guarded(file, () => Number(given.get(output)?.['number'] ?? 0)),
    gave(output, number) {
      guarded(file, () => gave.run(output, number));
    },
    [Symbol.dispose]() {
      closes[Symbol.dispose]();
    },
  };
}

/** Opens the file for reading, also while a notary owns it. @throws TocsinError `usage` when there is none */
export function openNotaryRecord(file: string): NotaryRecord & Disposable {
  return kept(openSqliteReadOnly(file, FORMAT), (db) => ({
    ...recordOf(db, file),
    [Symbol.dispose]: () => {
      db.close();
    },
  }));
}

function recordOf(db: DatabaseSync, file: string): NotaryRecord {
  const place = db.prepare('SELECT * FROM place');
  const chunk = db.prepare('SELECT after, root, leaves FROM chunks WHERE number = ?');
  const roots = db.prepare('SELECT root FROM chunks WHERE root IS NOT NULL ORDER BY number');
  const last = db.prepare('SELECT number, head FROM heads ORDER BY number DESC LIMIT 1');
  const after = db.prepare(
    'SELECT number, head FROM heads WHERE number > ? ORDER BY number LIMIT ?',
  );
  const taken = db.prepare('SELECT output, number FROM given');
  const headOf = (row: Readonly<Record<string, SQLOutputValue>>) => {
    const head = parseHead(String(row['head']));
    if (head === undefined) throw damaged(file);
    return { number: Number(row['number']), head };
  };
  return {
    read: () =>
      guarded(file, () => {
        const row = place.get();
        if (row === undefined) return undefined;
        const position = parsePosition(String(row['position']));
        if (position === undefined) throw damaged(file);
        const lastEvent = {
          id: String(row['last_id']),
          stream: String(row['last_stream']),
          revision: BigInt(String(row['last_revision'])),
        };
        const peaks = splitHashes(bytesIn(row['peaks'], file));
        const size = Number(row['size']);
        return { storeId: String(row['store_id']), place: { size, peaks, position, lastEvent } };
      }),
    chunk: (number) =>
      guarded(file, (): Chunk | undefined => {
        const row = chunk.get(number);
        if (row === undefined) return undefined;
        const before = row['after'];
        return {
          number,
          after: typeof before === 'string' ? (parsePosition(before) ?? null) : null,
          root: row['root'] === null ? null : bytesIn(row['root'], file),
          leaves: splitHashes(bytesIn(row['leaves'], file)),
        };
      }),
    roots: () => guarded(file, () => roots.all().map(({ root }) => bytesIn(root, file))),
    lastHead: () =>
      guarded(file, () => {
        const row = last.get();
        return row && headOf(row);
      }),
    headsAfter: (number, limit) => guarded(file, () => after.all(number, limit).map(headOf)),
    taken: () =>
      guarded(file, () => {
        return new Map(taken.all().map((row) => [String(row['output']), Number(row['number'])]));
      }),
  };
}

function guarded<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw openError(file, FORMAT.what, error);
  }
}

function bytesIn(cell: SQLOutputValue | undefined, file: string): Uint8Array {
  if (cell instanceof Uint8Array) return cell;
  throw damaged(file);
}

function damaged(file: string): TocsinError {
  const message = `${file} holds something that no notary has written`;
  return new TocsinError('refused', 'file_damaged', message, {
    hint: 'Restore it from a backup. A notary with an empty state reads the log again, and compares it with the last head of its outputs.',
  });
}
