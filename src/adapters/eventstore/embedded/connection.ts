// The read-only connection that the readers of a store's file share. It opens again after an error.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { TocsinError } from '../../../domain/core/errors.ts';
import { openSqliteReadOnly, SQLITE, sqliteCode } from '../../sqlite/open.ts';
import { storeClosed } from '../common/reading.ts';
import { STORE_FORMAT } from './schema.ts';

const CACHE_KIB = 16 * 1024;

export type Connection = {
  readonly db: DatabaseSync;
  /** Prepares once per text; integers come as bigints. */
  readonly sql: (text: string) => StatementSync;
  /** Prepares once per text; rows come as arrays, integers as numbers. */
  readonly rows: (text: string) => StatementSync;
};

export type FileConnection = {
  /** @throws TocsinError when the file cannot be read, or after `close` */
  readonly on: <T>(work: (connection: Connection) => T) => T;
  readonly close: () => void;
};

export function fileConnection(file: string): FileConnection {
  let connection: Connection | undefined;
  let closed = false;
  return {
    on(work) {
      if (closed) throw storeClosed();
      try {
        connection ??= connect(file);
        return work(connection);
      } catch (error) {
        connection?.db.close();
        connection = undefined;
        throw readError(file, error);
      }
    },
    close() {
      closed = true;
      connection?.db.close();
      connection = undefined;
    },
  };
}

function connect(file: string): Connection {
  const db = openSqliteReadOnly(file, STORE_FORMAT);
  db.exec(`PRAGMA cache_size = -${CACHE_KIB}`);
  const prepared = (set: (statement: StatementSync) => void): ((text: string) => StatementSync) => {
    const statements = new Map<string, StatementSync>();
    return (text) => {
      let statement = statements.get(text);
      if (statement !== undefined) return statement;
      statement = db.prepare(text);
      set(statement);
      statements.set(text, statement);
      return statement;
    };
  };
  return {
    db,
    sql: prepared((statement) => {
      statement.setReadBigInts(true);
    }),
    rows: prepared((statement) => {
      statement.setReturnArrays(true);
    }),
  };
}

function readError(file: string, cause: unknown): unknown {
  const code = sqliteCode(cause);
  if (cause instanceof TocsinError || code === undefined) return cause;
  const detail = cause instanceof Error ? cause.message : String(cause);
  if (code === SQLITE.corrupt || code === SQLITE.notADatabase) {
    return new TocsinError('refused', 'file_damaged', `${file} is damaged: ${detail}`, {
      hint: 'Stop the owner and restore the file from a backup.',
      cause,
    });
  }
  return new TocsinError('unavailable', 'store_unavailable', `cannot read ${file}: ${detail}`, {
    hint: 'Check the disk and that this user may read the file.',
    cause,
  });
}
