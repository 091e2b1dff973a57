// Reads the file's events as stored bytes, for the front, which forwards them unparsed. Pages are short and
// synchronous; no statement stays open after a page.
import type { SQLOutputValue } from 'node:sqlite';
import type { Direction } from '../common/reading.ts';
import { bytesOf, textOf } from './schema.ts';
import type { Connection, FileConnection } from './connection.ts';

/** An event as it is stored. Numbers are exact: positions count bytes, and no file has 2^53 of them. */
export type StoredEvent = {
  readonly position: number;
  readonly stream: string;
  readonly revision: number;
  readonly id: string;
  readonly type: string;
  /** Milliseconds since 1970. */
  readonly created: number;
  readonly isJson: boolean;
  readonly data: Uint8Array;
  readonly metadata: Uint8Array;
};

/** A page; `atEnd` when no event came after it at the time. */
export type StoredPage = { readonly events: readonly StoredEvent[]; readonly atEnd: boolean };

export type FileRows = {
  /**
   * The log from a position: at or after it forwards, strictly before it backwards.
   *
   * @param limit the most events of the page
   */
  readonly all: (direction: Direction, from: bigint, limit: number) => StoredPage;
  /** A stream from a revision, inclusive in both directions. */
  readonly stream: (direction: Direction, name: string, from: bigint, limit: number) => StoredPage;
  /** The event at a revision. */
  readonly at: (stream: string, revision: bigint) => StoredEvent | undefined;
  /** The last event's position; 0 for an empty log. */
  readonly head: () => bigint;
  /** The stream's last revision; -1 when it does not exist. */
  readonly lastRevision: (stream: string) => bigint;
};

/** A page ends with the event that exceeds this size: the memory that one slow reader needs. */
const PAGE_BYTES = 128 * 1024;
/** The largest exact number: above any position and revision. */
export const BEYOND = BigInt(Number.MAX_SAFE_INTEGER);

const SELECT = `SELECT e.position, s.name, e.revision, e.id, e.type, e.created, e.is_json,
  CAST(e.data AS BLOB), CAST(e.metadata AS BLOB) FROM events e CROSS JOIN streams s ON s.id = e.stream`;
const OF_STREAM = 'e.stream = (SELECT id FROM streams WHERE name = ?)';
const FORWARDS = `${SELECT} WHERE e.position >= ? ORDER BY e.position ASC LIMIT ?`;
const BACKWARDS = `${SELECT} WHERE e.position < ? ORDER BY e.position DESC LIMIT ?`;
const STREAM_FORWARDS = `${SELECT} WHERE ${OF_STREAM} AND e.revision >= ? ORDER BY e.revision ASC LIMIT ?`;
const STREAM_BACKWARDS = `${SELECT} WHERE ${OF_STREAM} AND e.revision <= ? ORDER BY e.revision DESC LIMIT ?`;

/** Reads a store's file through a shared connection. */
export function rowsOn(on: FileConnection['on']): FileRows {
  return {
    all: (direction, from, limit) =>
      on((c) => page(c, direction === 'forwards' ? FORWARDS : BACKWARDS, [bounded(from)], limit)),
    stream: (direction, name, from, limit) =>
      on((c) => {
        const text = direction === 'forwards' ? STREAM_FORWARDS : STREAM_BACKWARDS;
        return page(c, text, [name, bounded(from)], limit);
      }),
    at: (stream, revision) =>
      on((c) => {
        const { events } = page(c, STREAM_FORWARDS, [stream, bounded(revision)], 1);
        return events[0]?.revision === Number(revision) ? events[0] : undefined;
      }),
    head: () => on((c) => one(c, 'SELECT max(position) AS at FROM events') ?? 0n),
    lastRevision: (stream) =>
      on((c) => one(c, 'SELECT last_revision AS at FROM streams WHERE name = ?', stream) ?? -1n),
  };
}

function page(
  c: Connection,
  text: string,
  parameters: readonly (bigint | string)[],
  limit: number,
): StoredPage {
  const events: StoredEvent[] = [];
  let bytes = 0;
  for (const row of c.rows(text).iterate(...parameters, limit)) {
    const event = eventOf(row);
    events.push(event);
    bytes += event.data.length + event.metadata.length;
    // Leaving the loop resets the statement.
    if (bytes > PAGE_BYTES) return { events, atEnd: false };
  }
  return { events, atEnd: events.length < limit };
}

function eventOf(row: unknown): StoredEvent {
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
    data: bytesOf(data),
    metadata: bytesOf(metadata),
  };
}

function one(c: Connection, text: string, ...parameters: readonly string[]): bigint | undefined {
  const found = c.sql(text).get(...parameters)?.['at'];
  return typeof found === 'bigint' ? found : undefined;
}

function numberOf(value: SQLOutputValue | undefined): number {
  if (typeof value === 'number') return value;
  throw new TypeError(`expected an integer in the file, found ${typeof value}`);
}

export function bounded(value: bigint): bigint {
  return value > BEYOND ? BEYOND : value;
}
