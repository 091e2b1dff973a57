// Reads the file in short pages. No statement stays open after a page, so readers never block a WAL checkpoint.
import { isUtf8 } from 'node:buffer';
import type { RecordedEvent, Unreadable } from '../../../domain/core/recorded-event.ts';
import { type Json, parseJsonText } from '../../../domain/core/json.ts';
import type { Direction, Log, Scan, StreamScan } from '../common/reading.ts';
import { positionOf, TOMBSTONE_ON_WIRE, TOMBSTONE_REVISION } from '../common/revisions.ts';
import { bytesOf, contentOf, type Content } from './schema.ts';
import { fileConnection, type Connection, type FileConnection } from './connection.ts';
import { BEYOND, bounded, COLUMNS, eventOf, FROM, one, page, type StoredEvent } from './rows.ts';

/** One page scans at most this many bytes of events, and one event more. */
const PAGE_BYTES = 1024 * 1024;

const SELECT = `SELECT ${COLUMNS}, e.data, e.metadata ${FROM}`;

export function fileLog(file: string): Log & { readonly close: () => void } {
  const { on, close } = fileConnection(file);
  return { ...logOn(on), close };
}

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
  const forwards = direction === 'forwards';
  const range = rangeAfter(c, forwards, after);
  if (range === undefined) return { events: [], scannedTo: after ?? 0n, atEnd: true };
  const { first, bound, edge } = range;
  const { sql, parameters } = nameCondition(prefixes);
  const text = `${SELECT} WHERE e.position BETWEEN ? AND ?${sql}
    ORDER BY e.position ${forwards ? 'ASC' : 'DESC'} LIMIT ?`;
  const ends = forwards ? [first, bound] : [bound, first];
  const rows = c.rows(text).all(...ends, ...parameters, limit);
  const events = rows.map((row) => recorded(c, eventOf(row, contentOf)));
  const last = events.length === limit ? events.at(-1) : undefined;
  const scannedTo = last?.position.commit ?? bound;
  return { events, scannedTo, atEnd: forwards ? scannedTo >= edge : scannedTo <= edge };
}

/** The next range of positions after the cursor: its first and last event, and the log's last event. */
function rangeAfter(c: Connection, forwards: boolean, after: bigint | undefined) {
  const [nearest, farthest, beyond, within] = forwards
    ? ['min', 'max', '>', '<=']
    : ['max', 'min', '<', '>='];
  const bytes = BigInt(forwards ? PAGE_BYTES : -PAGE_BYTES);
  const at = (which: string, condition: string, position: bigint): bigint | undefined =>
    one(c, `SELECT ${which}(position) AS at FROM events WHERE position ${condition} ?`, position);
  const edge = one(c, `SELECT ${farthest}(position) AS at FROM events`);
  const first = at(nearest, beyond, after ?? (forwards ? 0n : BEYOND));
  if (first === undefined) return undefined;
  return { first, bound: at(farthest, within, first + bytes) ?? first, edge: edge ?? first };
}

/** Prefixes as a condition of SQL: one set lookup per length of prefix, however many prefixes there are. */
function nameCondition(prefixes: readonly string[]) {
  // Excludes the server's own streams.
  if (prefixes.length === 0 || prefixes.includes('')) {
    return { sql: ` AND substr(s.name, 1, 1) <> '$'`, parameters: [] };
  }
  // SQLite counts characters, not UTF-16 units.
  const byLength = Array.from(Map.groupBy(prefixes, (prefix) => Array.from(prefix).length));
  const tests = byLength.map(
    ([length]) => `substr(s.name, 1, ${length}) IN (SELECT value FROM json_each(?))`,
  );
  const parameters = byLength.map(([, list]) => JSON.stringify(list));
  return { sql: ` AND (${tests.join(' OR ')})`, parameters };
}

function stream(
  c: Connection,
  direction: Direction,
  name: string,
  from: bigint | undefined,
  limit: number,
): StreamScan {
  const forwards = direction === 'forwards';
  const start = bounded(from ?? (forwards ? 0n : BEYOND));
  const text = `${SELECT}
    WHERE e.stream = (SELECT id FROM streams WHERE name = ? AND last_revision < ${TOMBSTONE_REVISION})
      AND e.revision ${forwards ? '>=' : '<='} ?
    ORDER BY e.revision ${forwards ? 'ASC' : 'DESC'} LIMIT ?`;
  const found = page(c, text, [name, start], { limit, maxBytes: PAGE_BYTES, contentOf });
  return { events: found.events.map((event) => recorded(c, event)), atEnd: found.atEnd };
}

function recorded(c: Connection, event: StoredEvent<Content>): RecordedEvent {
  const { id, stream, position, type } = event;
  const revision = BigInt(event.revision);
  return {
    id,
    stream,
    revision: revision === TOMBSTONE_REVISION ? TOMBSTONE_ON_WIRE : revision,
    position: positionOf(BigInt(position)),
    type,
    // Data that the writer did not declare as JSON stay bytes.
    data: event.isJson
      ? jsonOf(c, position, 'data', event.data)
      : { unreadable: bytesAt(c, position, 'data') },
    metadata: jsonOf(c, position, 'metadata', event.metadata),
  };
}

/** The column's JSON; its bytes when it is no JSON, since any client may write to a front. */
function jsonOf(
  c: Connection,
  position: number,
  column: 'data' | 'metadata',
  text: Content,
): Json | Unreadable {
  if (text instanceof Uint8Array) return { unreadable: text };
  try {
    const value = parseJsonText(text);
    // Bytes that are not UTF-8 decode to this character, but UTF-8 text may hold it as well.
    if (!text.includes('\uFFFD')) return value;
    const bytes = bytesAt(c, position, column);
    return isUtf8(bytes) ? value : { unreadable: bytes };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { unreadable: bytesAt(c, position, column) };
  }
}

function bytesAt(c: Connection, position: number, column: 'data' | 'metadata'): Uint8Array {
  const query = `SELECT CAST(${column} AS BLOB) AS bytes FROM events WHERE position = ?`;
  return bytesOf(c.sql(query).get(position)?.['bytes']);
}
