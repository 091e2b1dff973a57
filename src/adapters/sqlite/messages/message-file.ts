// The file of messages of one machine without a broker: the output stream, and the queue of requests to deliver.
import type { SQLOutputValue } from 'node:sqlite';
import { parseJson } from '../../../domain/core/json.ts';
import { wakeSignal, type WakeSignal } from '../../../domain/core/wake-signal.ts';
import type { OutputInfo, OutputMessage, StoredMessage } from '../../../projections/output.ts';
import { openSqlite, transaction, type SqliteFormat } from '../open.ts';

const FORMAT: SqliteFormat = {
  applicationId: 1_415_803_506,
  version: 1,
  what: 'a Tocsin message file',
  create(db) {
    db.exec(`
      CREATE TABLE stream (one INTEGER PRIMARY KEY CHECK (one = 1), created TEXT NOT NULL, description TEXT NOT NULL);
      CREATE TABLE messages (sequence INTEGER PRIMARY KEY, subject TEXT NOT NULL, headers TEXT NOT NULL, data BLOB NOT NULL);
      CREATE TABLE requests (sequence INTEGER PRIMARY KEY);`);
  },
};

/** Real requests, never mock ones, under any subject root. */
const REQUEST = /^(?:[A-Za-z0-9_-]+\.)*?notification\.[a-z0-9_]+\.requested\./;
const MOCK = /(?:^|\.)mock\.notification\./;

export type MessageFile = Disposable & {
  /** The stream; `undefined` before it is created. */
  readonly info: () => Omit<OutputInfo, 'stream' | 'faults' | 'warnings'> | undefined;
  readonly create: (created: string, description: string) => void;
  /** The last sequence before; the messages were stored if it was that before `first`. `undefined`: there is no stream. */
  readonly store: (first: bigint, messages: readonly OutputMessage[]) => bigint | undefined;
  readonly read: (sequence: bigint) => StoredMessage | undefined;
  readonly range: (from: bigint, to: bigint, limit: number) => readonly StoredMessage[];
  /** The first sequences of requests that are not acknowledged. */
  readonly requests: (limit: number) => readonly bigint[];
  readonly acknowledge: (sequence: bigint) => void;
  /** Woken when this process stores messages in the file. */
  readonly stored: WakeSignal;
};

const signals = new Map<string, WakeSignal>();

export function openMessageFile(file: string): MessageFile {
  const db = openSqlite(file, FORMAT);
  const prepare = (sql: string) => {
    const statement = db.prepare(sql);
    statement.setReadBigInts(true);
    return statement;
  };
  const extent = prepare('SELECT min(sequence) AS first, max(sequence) AS last FROM messages');
  const insert = db.prepare('INSERT INTO messages VALUES (?, ?, ?, ?)');
  const enqueue = db.prepare('INSERT INTO requests VALUES (?)');
  const select = prepare(
    'SELECT * FROM messages WHERE sequence BETWEEN ? AND ? ORDER BY sequence LIMIT ?',
  );
  const waiting = prepare('SELECT sequence FROM requests ORDER BY sequence LIMIT ?');
  const remove = db.prepare('DELETE FROM requests WHERE sequence = ?');
  const stream = db.prepare('SELECT created, description FROM stream');
  const put = db.prepare('INSERT INTO stream VALUES (1, ?, ?) ON CONFLICT DO NOTHING');
  const stored = signals.get(file) ?? wakeSignal();
  signals.set(file, stored);
  const extentNow = () => {
    const { first, last } = extent.get() ?? {};
    return { first: wide(first, 1n), last: wide(last, 0n) };
  };
  const range = (from: bigint, to: bigint, limit: number): readonly StoredMessage[] =>
    select.all(from, to, limit).map(messageOf);
  return {
    stored,
    info() {
      const row = stream.get();
      if (row === undefined) return undefined;
      const { first, last } = extentNow();
      return {
        created: String(row['created']),
        description: String(row['description']),
        firstSequence: first,
        lastSequence: last,
      };
    },
    create: (created, description) => void put.run(created, description),
    store(first, messages) {
      let before: bigint | undefined;
      transaction(db, () => {
        if (stream.get() === undefined) return;
        before = extentNow().last;
        if (before !== first - 1n) return;
        for (const [index, { subject, headers, data }] of messages.entries()) {
          const sequence = first + BigInt(index);
          insert.run(sequence, subject, JSON.stringify(headers), data);
          if (REQUEST.test(subject) && !MOCK.test(subject)) enqueue.run(sequence);
        }
      });
      stored.wake();
      return before;
    },
    read: (sequence) => range(sequence, sequence, 1)[0],
    range,
    requests: (limit) => waiting.all(limit).map(({ sequence }) => wide(sequence, 0n)),
    acknowledge: (sequence) => void remove.run(sequence),
    [Symbol.dispose]() {
      if (db.isOpen) db.close();
    },
  };
}

/** A cell that was read as a bigint; `otherwise` for NULL. */
function wide(cell: SQLOutputValue | undefined, otherwise: bigint): bigint {
  return typeof cell === 'bigint' ? cell : otherwise;
}

function messageOf(row: Readonly<Record<string, SQLOutputValue>>): StoredMessage {
  const { sequence, subject, headers, data } = row;
  return {
    sequence: wide(sequence, 0n),
    subject: String(subject),
    headers: new Map(headerList(String(headers))),
    data: data instanceof Uint8Array ? data : new Uint8Array(0),
  };
}

function headerList(text: string): readonly (readonly [string, string])[] {
  const parsed: unknown = parseJson(text);
  if (!Array.isArray(parsed)) return [];
  return parsed.flatMap((pair: unknown) =>
    Array.isArray(pair) ? [[String(pair[0]), String(pair[1])] as const] : [],
  );
}
