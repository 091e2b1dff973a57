// Reads the file in short pages. No statement stays open after a page, so readers never block a WAL checkpoint.
import type { RecordedEvent, Unreadable } from '../../../domain/core/recorded-event.ts';
import type { Json } from '../../../domain/core/json.ts';
import type { Direction, Log, Scan, StreamScan } from '../common/reading.ts';
import { positionOf, TOMBSTONE_ON_WIRE, TOMBSTONE_REVISION } from '../common/revisions.ts';
import { jsonOf, unreadable } from '../common/stored-json.ts';
import { fileConnection, type Connection, type FileConnection } from './connection.ts';
import { BEYOND, one, page, SELECT, streamPage, type StoredEvent } from './rows.ts';
import { streamHash } from './schema.ts';

/** One page scans at most this many bytes of events, and one append more. */
const PAGE_BYTES = 1024 * 1024;

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
  const { first, bound, scannedTo, atEnd } = range;
  const { sql, parameters } = nameCondition(prefixes);
  const text = `${SELECT} WHERE r.position BETWEEN ? AND ?${sql}
    ORDER BY r.position ${forwards ? 'ASC' : 'DESC'}`;
  const ends = forwards ? [first, bound] : [bound, first];
  const edge = Number(after ?? (forwards ? -1n : BEYOND));
  const isIn = ({ position }: StoredEvent): boolean =>
    forwards ? position > edge : position < edge;
  const limits = { limit, maxBytes: Infinity };
  const found = page(c, text, [...ends, ...parameters], direction, isIn, limits);
  const events = recordedEvents(found.events);
  // A page that is full may have left events of the range unread.
  const last = found.atEnd ? undefined : events.at(-1);
  if (last !== undefined) {
    const isLast = forwards && atEnd && last.position.commit === scannedTo;
    return { events, scannedTo: last.position.commit, atEnd: isLast };
  }
  return { events, scannedTo, atEnd };
}

/** The next range of records after the cursor, and how far it reaches. */
function rangeAfter(c: Connection, forwards: boolean, after: bigint | undefined) {
  const at = (which: 'min' | 'max', condition: string, position: bigint): bigint | undefined =>
    one(c, `SELECT ${which}(position) AS at FROM records WHERE position ${condition} ?`, position);
  if (forwards) {
    const first = at('min', '>', after ?? -1n);
    if (first === undefined) return undefined;
    const bound = at('max', '<=', first + BigInt(PAGE_BYTES)) ?? first;
    return { first, bound, scannedTo: bound, atEnd: at('min', '>', bound) === undefined };
  }
  // The record with the cursor's event may hold events before it.
  const first =
    (after === undefined ? undefined : at('min', '>=', after)) ?? at('max', '<=', BEYOND);
  if (first === undefined) return undefined;
  const bound = at('min', '>=', first - BigInt(PAGE_BYTES)) ?? first;
  const before = at('max', '<', bound);
  return { first, bound, scannedTo: (before ?? -1n) + 1n, atEnd: before === undefined };
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
  // A tombstone is in the log only.
  if (isTombstoned(c, name)) return { events: [], atEnd: true };
  const start = from ?? (direction === 'forwards' ? 0n : BEYOND);
  const found = streamPage(c, direction, name, start, { limit, maxBytes: PAGE_BYTES });
  return { events: recordedEvents(found.events), atEnd: found.atEnd };
}

function isTombstoned(c: Connection, name: string): boolean {
  const text = 'SELECT last_revision AS at FROM streams WHERE hash = ? AND name = ?';
  return one(c, text, streamHash(name), name) === TOMBSTONE_REVISION;
}

function recordedEvents(stored: readonly StoredEvent[]): readonly RecordedEvent[] {
  let last: { readonly bytes: Buffer; readonly value: Json | Unreadable } | undefined;
  return stored.map((event) => {
    // The events of an append share their metadata.
    if (last?.bytes !== event.metadata) {
      last = { bytes: event.metadata, value: jsonOf(event.metadata) };
    }
    return recorded(event, last.value);
  });
}

/** Parses the data of all events: a getter of each event would cost more than the parsing of those that nobody reads. */
function recorded(event: StoredEvent, metadata: Json | Unreadable): RecordedEvent {
  const { id, stream, type } = event;
  return {
    id,
    stream,
    revision: event.revision === LAST_REVISION ? TOMBSTONE_ON_WIRE : BigInt(event.revision),
    position: positionOf(BigInt(event.position)),
    type,
    // Data that the writer did not declare as JSON stay bytes.
    data: event.isJson ? jsonOf(event.data) : unreadable(event.data),
    metadata,
  };
}

const LAST_REVISION = Number(TOMBSTONE_REVISION);
