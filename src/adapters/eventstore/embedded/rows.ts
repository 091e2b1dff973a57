// Reads the file's events as they are stored, in short, synchronous pages. The front forwards them unparsed.
import type { SQLInputValue, SQLOutputValue } from 'node:sqlite';
import { TocsinError } from '../../../domain/core/errors.ts';
import type { Direction } from '../common/reading.ts';
import { contentsOf, lengthOf, unpackRecord, type RecordedContent } from './record.ts';
import { bytesOf, numberOf, streamHash, textOf } from './schema.ts';
import type { Connection, FileConnection } from './connection.ts';

/** An event as it is stored. Numbers are exact: positions count bytes, and no file has 2^53 of them. */
export type StoredEvent = {
  readonly position: number;
  readonly stream: string;
  readonly revision: number;
  readonly id: string;
  readonly type: string;
  readonly created: number;
  readonly isJson: boolean;
  readonly data: Buffer;
  /** Neighbours with equal metadata may share one object. */
  readonly metadata: Buffer;
};

/** A page; `atEnd` when no event came after it at the time. */
export type StoredPage = {
  readonly events: readonly StoredEvent[];
  readonly atEnd: boolean;
  /** The position of a later record of an unwanted stream, when the page ends with it. */
  readonly skippedTo?: number;
};

export type FileRows = {
  /**
   * The log from a position: at or after it forwards, strictly before it backwards.
   *
   * @param isWanted whether events of a stream are needed: the records of others are not unpacked
   */
  readonly all: (
    direction: Direction,
    from: bigint,
    limit: number,
    isWanted?: (stream: string) => boolean,
  ) => StoredPage;
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
/** A page ends after so many records of unwanted streams, because other calls wait. */
const MAX_SKIPPED = 1_024;
/** The largest exact number: above any position and revision. */
export const BEYOND = BigInt(Number.MAX_SAFE_INTEGER);

// CROSS JOIN makes SQLite search the records first, whatever its planner estimates.
export const SELECT = `SELECT r.position, s.name, r.revision, r.created, r.events
  FROM records r CROSS JOIN streams s ON s.id = r.stream`;

/** The records with a place, and those after or before it. A record is found by the place of its last event. */
const FROM = {
  all: {
    forwards: 'r.position >= ? ORDER BY r.position ASC',
    backwards: `r.position <= ifnull((SELECT min(position) FROM records WHERE position >= ?), ${BEYOND})
      ORDER BY r.position DESC`,
  },
  stream: {
    forwards: 'r.stream = ? AND r.revision >= ? ORDER BY r.revision ASC',
    backwards: `r.stream = ? AND r.revision <= ifnull(
      (SELECT min(revision) FROM records WHERE stream = ? AND revision >= ?), ${BEYOND})
      ORDER BY r.revision DESC`,
  },
};

export function rowsOn(on: FileConnection['on']): FileRows {
  const limits = (limit: number) => ({ limit, maxBytes: PAGE_BYTES });
  return {
    all: (direction, from, limit, isWanted) =>
      on((c) => {
        const at = Number(bounded(from));
        const text = `${SELECT} WHERE ${FROM.all[direction]}`;
        const isIn = ({ position }: StoredEvent): boolean =>
          direction === 'forwards' ? position >= at : position < at;
        return page(c, text, [at], direction, isIn, { ...limits(limit), isWanted });
      }),
    stream: (direction, name, from, limit) =>
      on((c) => streamPage(c, direction, name, from, limits(limit))),
    at: (name, revision) =>
      on((c) => {
        const { events } = streamPage(c, 'forwards', name, revision, limits(1));
        return events[0]?.revision === Number(revision) ? events[0] : undefined;
      }),
    head: () => on((c) => one(c, 'SELECT max(position) AS at FROM records') ?? 0n),
    lastRevision: (name) =>
      on((c) => {
        const text = 'SELECT last_revision AS at FROM streams WHERE hash = ? AND name = ?';
        return one(c, text, streamHash(name), name) ?? -1n;
      }),
    lastData: (name) =>
      on((c) => streamPage(c, 'backwards', name, BEYOND, limits(1)).events[0]?.data),
  };
}

/** The events of a stream from a revision on, inclusive in both directions. */
export function streamPage(
  c: Connection,
  direction: Direction,
  name: string,
  from: bigint,
  limits: PageLimits,
): StoredPage {
  const id = one(
    c,
    `SELECT id AS at FROM streams WHERE hash = ? AND name = ?`,
    streamHash(name),
    name,
  );
  if (id === undefined) return { events: [], atEnd: true };
  const at = Number(bounded(from));
  const forwards = direction === 'forwards';
  const isIn = ({ revision }: StoredEvent): boolean => (forwards ? revision >= at : revision <= at);
  const text = `${SELECT} WHERE ${FROM.stream[direction]}`;
  return page(c, text, forwards ? [id, at] : [id, id, at], direction, isIn, limits);
}

export type PageLimits = {
  readonly limit: number;
  readonly maxBytes: number;
  readonly isWanted?: ((stream: string) => boolean) | undefined;
};

/** The events of a query's records, in a direction; a page ends with the event that exceeds `maxBytes`. */
export function page(
  c: Connection,
  text: string,
  parameters: readonly SQLInputValue[],
  direction: Direction,
  isIn: (event: StoredEvent) => boolean,
  { limit, maxBytes, isWanted }: PageLimits,
): StoredPage {
  const events: StoredEvent[] = [];
  let bytes = 0;
  let skipped = 0;
  if (limit === 0) return { events, atEnd: false };
  for (const row of c.rows(text).iterate(...parameters)) {
    if (isWanted !== undefined) {
      const { position, stream } = placeOf(row);
      if (!isWanted(stream)) {
        skipped += 1;
        if (skipped === MAX_SKIPPED) return { events, atEnd: false, skippedTo: position };
        continue;
      }
    }
    const record = eventsOf(row);
    for (const event of direction === 'forwards' ? record : record.reverse()) {
      if (!isIn(event)) continue;
      events.push(event);
      bytes += event.data.length + event.metadata.length;
      // Leaving the loop resets the statement.
      if (events.length === limit || bytes > maxBytes) return { events, atEnd: false };
    }
  }
  return { events, atEnd: true };
}

/** The stream of a row of {@link SELECT}, and the position of its last event. */
function placeOf(row: unknown): { readonly position: number; readonly stream: string } {
  const [last, name] = columnsOf(row);
  return { position: numberOf(last), stream: textOf(name) };
}

function columnsOf(row: unknown): readonly SQLOutputValue[] {
  if (!Array.isArray(row)) throw new TypeError('expected a row as an array');
  const columns: readonly SQLOutputValue[] = row;
  return columns;
}

/** The events of a row of {@link SELECT}. */
export function eventsOf(row: unknown): StoredEvent[] {
  const [last, name, lastRevision, made, record] = columnsOf(row);
  const stream = textOf(name);
  const created = numberOf(made);
  const contents = contentsIn(bytesOf(record), stream);
  const lengths = contents.map(lengthOf);
  // The place of the event before the first one.
  let position = numberOf(last) - lengths.reduce((sum, length) => sum + length, 0);
  let revision = numberOf(lastRevision) - contents.length;
  return contents.map(({ id, type, isJson, data, metadata }, n) => {
    position += lengths[n] ?? 0;
    revision += 1;
    return { position, stream, revision, id, type, created, isJson, data, metadata };
  });
}

function contentsIn(record: Uint8Array, stream: string): readonly RecordedContent[] {
  try {
    return contentsOf(unpackRecord(record));
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new TocsinError('refused', 'file_damaged', `a record of ${stream} is damaged`, {
      hint: 'Stop the owner and restore the file from a backup.',
      cause,
    });
  }
}

/** The integer that a query names `at`. */
export function one(c: Connection, text: string, ...values: readonly SQLInputValue[]) {
  const found = c.sql(text).get(...values)?.['at'];
  return typeof found === 'bigint' ? found : undefined;
}

export function bounded(value: bigint): bigint {
  return value > BEYOND ? BEYOND : value;
}
