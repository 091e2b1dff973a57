// Due indexes in a SQLite file, made from the log: due entries by key and by time.
import { TocsinError } from '../../domain/core/errors.ts';
import type {
  DueEntry,
  DueIndex,
  DueIndexes,
  DueRank,
} from '../../kernel/processes/due/due-index.ts';
import {
  indexCheckpoint,
  indexFormat,
  ownIndexFile,
  type SqliteIndexOptions,
} from './index-file.ts';
import { closedError, type DerivedFile } from './made-from-log.ts';
import { insertInto, integer, query, record, table, text, type Field } from './table.ts';
import { transaction } from './open.ts';

type DueRow = { readonly name: string; readonly entry: DueEntry };

const rank: Field<DueRank> = {
  ...integer,
  read: (cells, at) => {
    const cell = cells[at];
    return cell === 0 || cell === 1 ? cell : undefined;
  },
};

const DUE = table(
  'due',
  record<DueRow>({
    name: text,
    entry: record<DueEntry>({ key: text, stream: text, dueAt: integer, rank }),
  }),
);

export const DUE_INDEX_FORMAT = indexFormat(
  {
    applicationId: 0x54_63_64_75, // "Tcdu"
    version: 3,
    what: 'a Tocsin due index',
  },
  `
  CREATE TABLE due (${DUE.definition}, PRIMARY KEY (name, key)) WITHOUT ROWID;
  CREATE INDEX due_by_time ON due (name, rank, due_at, key, stream);
`,
);

/**
 * Opens the due indexes in `file` as its one owner.
 *
 * @throws TocsinError `refused` when another owns the file, when it belongs to another log, or is damaged,
 * newer or of another format; `usage` when it cannot be opened
 */
export function sqliteDueIndexes(options: SqliteIndexOptions): DueIndexes {
  return dueIndexesOn(ownIndexFile(options, DUE_INDEX_FORMAT));
}

export function dueIndexesOn(file: DerivedFile): DueIndexes {
  const open = new Set<string>();
  return {
    open(name) {
      assertIndexName(name, open);
      const index = indexOn(file, name, () => open.delete(name));
      open.add(name);
      return index;
    },
    [Symbol.dispose]() {
      file[Symbol.dispose]();
    },
  };
}

function indexOn(file: DerivedFile, name: string, closed: () => void): DueIndex {
  const { db, guarded } = file;
  const statement = guarded(() => ({
    checkpoint: indexCheckpoint(file, name),
    put: db.prepare(insertInto(DUE, 'INSERT OR REPLACE')),
    remove: db.prepare('DELETE FROM due WHERE name = ? AND key = ?'),
    dueBy: query(
      db,
      DUE,
      'FROM due WHERE name = ? AND rank = ? AND due_at <= ? ORDER BY due_at, key',
    ),
    first: query(db, DUE, 'FROM due WHERE name = ? AND rank = ? ORDER BY due_at, key'),
    count: db.prepare('SELECT count(*) AS n FROM due WHERE name = ?'),
  }));
  let isOpen = true;
  const using = <T>(work: () => T): T => {
    if (!isOpen) throw closedError(file.format.codes.closed, `the index ${name}`);
    return guarded(work);
  };
  return {
    position: () => using(() => statement.checkpoint.position()),
    lastEvent: () => using(() => statement.checkpoint.lastEvent()),
    commit({ position, lastEvent, put, remove }) {
      using(() => {
        transaction(db, () => {
          for (const key of remove) statement.remove.run(name, key);
          for (const entry of put) statement.put.run(...DUE.values({ name, entry }));
          statement.checkpoint.move(position, lastEvent);
        });
      });
    },
    due: (rank, now, limit, except) =>
      using(() => {
        const found: DueEntry[] = [];
        if (limit <= 0) return found;
        for (const { entry } of statement.dueBy.iterate(name, rank, now)) {
          if (except.has(entry.key)) continue;
          found.push(entry);
          if (found.length >= limit) break;
        }
        return found;
      }),
    next: (rank, except) =>
      using(() => {
        for (const { entry } of statement.first.iterate(name, rank)) {
          if (!except.has(entry.key)) return entry.dueAt;
        }
        return undefined;
      }),
    count: () => using(() => Number(statement.count.get(name)?.['n'])),
    [Symbol.dispose]() {
      if (isOpen) closed();
      isOpen = false;
    },
  };
}

function assertIndexName(name: string, open: ReadonlySet<string>): void {
  if (!/^[a-z0-9._-]{1,64}$/.test(name)) {
    throw new TocsinError('usage', 'invalid_index_name', `${name} is not a name for an index`, {
      hint: 'Use 1 to 64 characters of a-z 0-9 . _ -',
    });
  }
  if (!open.has(name)) return;
  throw new TocsinError('usage', 'index_open', `the index ${name} is open already`, {
    hint: 'An index can be open once; dispose the other one first.',
  });
}
