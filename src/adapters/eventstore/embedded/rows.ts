// Reads the file's events as they are stored, in short, synchronous pages. The front forwards them unparsed.
import type { SQLOutputValue } from 'node:sqlite';
import type { Direction } from '../common/reading.ts';
import { bytesOf, textOf } from './schema.ts';
import type { Connection, FileConnection } from './connection.ts';

/** An event as it is stored. Numbers are exact: positions count bytes, and no file has 2^53 of them. */
export type StoredEvent<Content = Uint8Array> = {
  readonly position: number;
  readonly stream: string;
  readonly revision: number;
  readonly id: string;
  readonly type: string;
  readonly created: number;
  readonly isJson: boolean;
  readonly data: Content;
  readonly metadata: Content;
};

/** A page; `atEnd` when no event came after it at the time. */
export type StoredPage<Content = Uint8Array> = {
  readonly events: readonly StoredEvent<Content>[];
  readonly atEnd: boolean;
};

export type FileRows = {
  /** The log from a position: at or after it forwards, strictly before it backwards. */
  readonly all: (direction: Direction, from: bigint, limit: number) => StoredPage;
  /** A stream from a revision, inclusive in both directions. */
  readonly stream: (direction: Direction, name: string, from: bigint, limit: number) => StoredPage;
  readonly at: (stream: string, revision: bigint) => StoredEvent | undefined;
  /** The last event's position; 0 for an empty log. */
  readonly head: () => bigint;
  /** The stream's last revision; -1 when it does not exist. */
  readonly lastRevision: (stream: string) => bigint;
  /** The data of the stream's last event; `undefined` when it does not exist. */
  readonly lastData: (stream: string) => Uint8Array | undefined;
};

/** A page for the front ends with the event that exceeds this size: the memory that one slow reader needs. */
const PAGE_BYTES = 128 * 1024;
/** The largest exact number: above any position and revision. */
export const BEYOND = BigInt(Number.MAX_SAFE_INTEGER);

/** The columns before data and metadata. */
export const COLUMNS = 'e.position, s.name, e.revision, e.id, e.type, e.created, e.is_json';
// CROSS JOIN makes SQLite search the events first, whatever its planner estimates.
export const FROM = 'FROM events e CROSS JOIN streams s ON s.id = e.stream';
const SELECT = `SELECT ${COLUMNS}, CAST(e.data AS BLOB), CAST(e.metadata AS BLOB) ${FROM}`;

const LAST_DATA = `SELECT CAST(e.data AS BLOB) AS data FROM streams s
  JOIN events e ON e.stream = s.id AND e.revision = s.last_revision WHERE s.name = ?`;

export function rowsOn(on: FileConnection['on']): FileRows {
  const read = (c: Connection, where: string, parameters: (bigint | string)[], limit: number) =>
    page(c, `${SELECT} WHERE ${where} LIMIT ?`, parameters, {
      limit,
      maxBytes: PAGE_BYTES,
      contentOf: bytesOf,
    });
  const ofStream = 'e.stream = (SELECT id FROM streams WHERE name = ?)';
  const all = {
    forwards: 'e.position >= ? ORDER BY e.position ASC',
    backwards: 'e.position < ? ORDER BY e.position DESC',
  };
  const stream = {
    forwards: `${ofStream} AND e.revision >= ? ORDER BY e.revision ASC`,
    backwards: `${ofStream} AND e.revision <= ? ORDER BY e.revision DESC`,
  };
  return {
    all: (direction, from, limit) => on((c) => read(c, all[direction], [bounded(from)], limit)),
    stream: (direction, name, from, limit) =>
      on((c) => read(c, stream[direction], [name, bounded(from)], limit)),
    at: (name, revision) =>
      on((c) => {
        const { events } = read(c, stream.forwards, [name, bounded(revision)], 1);
        return events[0]?.revision === Number(revision) ? events[0] : undefined;
      }),
    head: () => on((c) => one(c, 'SELECT max(position) AS at FROM events') ?? 0n),
    lastRevision: (name) =>
      on((c) => one(c, 'SELECT last_revision AS at FROM streams WHERE name = ?', name) ?? -1n),
    lastData: (name) =>
      on((c) => {
        const found = c.sql(LAST_DATA).get(name)?.['data'];
        return found === undefined ? undefined : bytesOf(found);
      }),
  };
}

type PageOptions<Content> = {
  readonly limit: number;
  readonly maxBytes: number;
  readonly contentOf: (value: SQLOutputValue | undefined) => Content;
};

/** The rows of a query; a page ends with the event that exceeds `maxBytes`. */
export function page<Content extends string | Uint8Array>(
  c: Connection,
  text: string,
  parameters: readonly (bigint | string)[],
  { limit, maxBytes, contentOf }: PageOptions<Content>,
): StoredPage<Content> {
  const events: StoredEvent<Content>[] = [];
  let bytes = 0;
  for (const row of c.rows(text).iterate(...parameters, limit)) {
    const event = eventOf(row, contentOf);
    events.push(event);
    bytes += event.data.length + event.metadata.length;
    // Leaving the loop resets the statement.
    if (bytes > maxBytes) return { events, atEnd: false };
  }
  return { events, atEnd: events.length < limit };
}

export function eventOf<Content>(
  row: unknown,
  contentOf: (value: SQLOutputValue | undefined) => Content,
): StoredEvent<Content> {
  if (!Array.isArray(row)) throw new TypeError('expected a row as an array');
  const columns: readonly SQLOutputValue[] = row;
  const [position, stream, revision, id, type, created, isJson, data, metadata] = columns;
  return {
    position: numberOf(position),
    stream: textOf(stream),
    revision: numberOf(revision),
    id: textOf(id),
    type: textOf(type),
    created: numberOf(created),
    isJson: isJson === 1,
    data: contentOf(data),
    metadata: contentOf(metadata),
  };
}

/** The integer that a query names `at`. */
export function one(c: Connection, text: string, ...values: readonly (string | bigint)[]) {
  const found = c.sql(text).get(...values)?.['at'];
  return typeof found === 'bigint' ? found : undefined;
}

function numberOf(value: SQLOutputValue | undefined): number {
  if (typeof value === 'number') return value;
  throw new TypeError(`expected an integer in the file, found ${typeof value}`);
}

export function bounded(value: bigint): bigint {
  return value > BEYOND ? BEYOND : value;
}
