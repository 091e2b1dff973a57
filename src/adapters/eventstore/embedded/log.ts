// Reads the file in short pages through a read-only connection. No statement stays open after a page, so readers
// never block a WAL checkpoint.
import { isUtf8 } from 'node:buffer';
import type { SQLOutputValue } from 'node:sqlite';
import type { RecordedEvent, Unreadable } from '../../../domain/core/recorded-event.ts';
import { type Json, parseJsonText } from '../../../domain/core/json.ts';
import type { Direction, Log, Scan, StreamScan } from '../common/reading.ts';
import { positionOf, TOMBSTONE_ON_WIRE, TOMBSTONE_REVISION } from '../common/revisions.ts';
import { bigintOf, bytesOf, textOf } from './schema.ts';
import { fileConnection, type Connection, type FileConnection } from './connection.ts';

/** One page scans at most this many bytes of events, and one event more. */
const PAGE_BYTES = 1024n * 1024n;

const COLUMNS = 'e.position, s.name, e.revision, e.id, e.type, e.is_json, e.data, e.metadata';

type Row = Record<string, SQLOutputValue>;

/** The file as a log. */
export type FileLog = Log & { readonly close: () => void };

/** A store's file as a log. */
export function fileLog(file: string): FileLog {
  const { on, close } = fileConnection(file);
  return { ...logOn(on), close };
}

/** A log on a shared connection. */
export function logOn(on: FileConnection['on']): Log {
  return {
    scan: (...args) => on((c) => scan(c, ...args)),
    stream: (...args) => on((c) => stream(c, ...args)),
  };
}

function scan(
  c: Connection,
  direction: Direction,
  after: bigint | undefined,
  prefixes: readonly string[],
  limit: number,
): Scan {
  const [first, bound, edge] = rangeAfter(c, direction, after);
  if (first === undefined || bound === undefined || edge === undefined) {
    return { events: [], scannedTo: after ?? 0n, atEnd: true };
  }
  const { sql, parameters } = nameCondition(prefixes);
  const forwards = direction === 'forwards';
  const rows = c
    .sql(
      // CROSS JOIN makes SQLite scan events by position first, whatever its planner estimates.
      `SELECT ${COLUMNS} FROM events e CROSS JOIN streams s ON s.id = e.stream
       WHERE e.position BETWEEN ? AND ?${sql}
       ORDER BY e.position ${forwards ? 'ASC' : 'DESC'} LIMIT ?`,
    )
    .all(...(forwards ? [first, bound] : [bound, first]), ...parameters, limit);
  const last = rows.length === limit ? rows.at(-1) : undefined;
  const scannedTo = last === undefined ? bound : bigintOf(last['position']);
  return {
    events: rows.map((row) => eventOf(c, row)),
    scannedTo,
    atEnd: forwards ? scannedTo >= edge : scannedTo <= edge,
  };
}

/** The next range of positions after the cursor: its first and last event, and the log's last event. */
function rangeAfter(
  c: Connection,
  direction: Direction,
  after: bigint | undefined,
): readonly [first: bigint | undefined, bound: bigint | undefined, edge: bigint | undefined] {
  const one = (text: string, ...parameters: bigint[]): bigint | undefined => {
    const found = c.sql(text).get(...parameters)?.['at'];
    return typeof found === 'bigint' ? found : undefined;
  };
  if (direction === 'forwards') {
    const edge = one('SELECT max(position) AS at FROM events');
    const first = one('SELECT min(position) AS at FROM events WHERE position > ?', after ?? 0n);
    if (first === undefined) return [undefined, undefined, edge];
    const bound = 'SELECT max(position) AS at FROM events WHERE position <= ?';
    return [first, one(bound, first + PAGE_BYTES), edge];
  }
  const edge = one('SELECT min(position) AS at FROM events');
  const first =
    after === undefined
      ? one('SELECT max(position) AS at FROM events')
      : one('SELECT max(position) AS at FROM events WHERE position < ?', after);
  if (first === undefined) return [undefined, undefined, edge];
  const bound = 'SELECT min(position) AS at FROM events WHERE position >= ?';
  return [first, one(bound, first - PAGE_BYTES), edge];
}

/**
 * Prefixes as a condition of SQL, so that other events never leave SQLite: one set lookup per length of prefix,
 * however many prefixes there are.
 */
function nameCondition(prefixes: readonly string[]): {
  readonly sql: string;
  readonly parameters: readonly string[];
} {
  // Excludes the server's own streams.
  if (prefixes.length === 0 || prefixes.includes('')) {
    return { sql: ` AND substr(s.name, 1, 1) <> '$'`, parameters: [] };
  }
  // SQLite counts characters, not UTF-16 units.
  const byLength = Map.groupBy(prefixes, (prefix) => Array.from(prefix).length);
  const tests = Array.from(
    byLength.keys(),
    (length) => `substr(s.name, 1, ${length}) IN (SELECT value FROM json_each(?))`,
  );
  return {
    sql: ` AND (${tests.join(' OR ')})`,
    parameters: Array.from(byLength.values(), (list) => JSON.stringify(list)),
  };
}

function stream(
  c: Connection,
  direction: Direction,
  name: string,
  from: bigint | undefined,
  limit: number,
): StreamScan {
  const forwards = direction === 'forwards';
  const start = from ?? (forwards ? 0n : MAX_INTEGER);
  const rows = c
    .sql(
      `SELECT ${COLUMNS} FROM events e CROSS JOIN streams s ON s.id = e.stream
       WHERE e.stream = (SELECT id FROM streams WHERE name = ? AND last_revision < ${TOMBSTONE_REVISION})
         AND e.revision ${forwards ? '>=' : '<='} ?
       ORDER BY e.revision ${forwards ? 'ASC' : 'DESC'} LIMIT ?`,
    )
    .iterate(name, start > MAX_INTEGER ? MAX_INTEGER : start, limit);
  const events: RecordedEvent[] = [];
  let size = 0n;
  for (const row of rows) {
    const data = row['data'];
    const metadata = row['metadata'];
    size += BigInt(lengthOf(data) + lengthOf(metadata));
    events.push(eventOf(c, row));
    if (size > PAGE_BYTES) return { events, atEnd: false };
  }
  return { events, atEnd: events.length < limit };
}

const MAX_INTEGER = 2n ** 63n - 1n;

function lengthOf(value: SQLOutputValue | undefined): number {
  return typeof value === 'string' || value instanceof Uint8Array ? value.length : 0;
}

function eventOf(c: Connection, row: Row): RecordedEvent {
  const position = bigintOf(row['position']);
  const revision = bigintOf(row['revision']);
  return {
    id: textOf(row['id']),
    stream: textOf(row['name']),
    revision: revision === TOMBSTONE_REVISION ? TOMBSTONE_ON_WIRE : revision,
    position: positionOf(position),
    type: textOf(row['type']),
    // Data that the writer did not declare as JSON stay bytes.
    data:
      row['is_json'] === 0n
        ? { unreadable: bytesAt(c, position, 'data') }
        : jsonOf(c, position, 'data', row['data']),
    metadata: jsonOf(c, position, 'metadata', row['metadata']),
  };
}

/** The column's JSON; its bytes when it is no JSON, since any client may write to a front. */
function jsonOf(
  c: Connection,
  position: bigint,
  column: 'data' | 'metadata',
  text: SQLOutputValue | undefined,
): Json | Unreadable {
  if (text instanceof Uint8Array) return { unreadable: text };
  try {
    const value = parseJsonText(textOf(text));
    // Bytes that are not UTF-8 decode to this character, but UTF-8 text may hold it as well.
    if (!textOf(text).includes('\uFFFD')) return value;
    const bytes = bytesAt(c, position, column);
    return isUtf8(bytes) ? value : { unreadable: bytes };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { unreadable: bytesAt(c, position, column) };
  }
}

function bytesAt(c: Connection, position: bigint, column: 'data' | 'metadata'): Uint8Array {
  const query = `SELECT CAST(${column} AS BLOB) AS bytes FROM events WHERE position = ?`;
  return bytesOf(c.sql(query).get(position)?.['bytes']);
}
