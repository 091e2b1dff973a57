// The requests of reads and subscriptions as bytes: `ReadReq` messages of the protocol.
import type { Position } from '../../../domain/core/positions.ts';
import type { Direction } from '../common/reading.ts';
import { field, numberField } from '../wire/protobuf-writer.ts';

/** How many events the server scans before it reports its position. */
const SEARCH_WINDOW_EVENTS = 512;

/** Search windows per checkpoint of a subscription. */
const WINDOWS_PER_CHECKPOINT = 2;

type Edge = 'start' | 'end';

/** Reads a stream. @param from inclusive */
export function streamRead(
  stream: string,
  direction: Direction,
  from: bigint | Edge,
  count: number,
): Buffer {
  const start = from === 'start' ? field(3) : from === 'end' ? field(4) : numberField(2, from);
  const source = field(1, field(1, field(3, stream)), start);
  return request(source, directionField(direction), countField(count), NO_FILTER);
}

/** Reads the log. @param from inclusive forwards, exclusive backwards, as the protocol defines it */
export function logRead(
  direction: Direction,
  from: Position | Edge,
  prefixes: readonly string[],
  count: number,
): Buffer {
  return request(
    logFrom(from),
    directionField(direction),
    countField(count),
    filterField(prefixes),
  );
}

/** Subscribes to the log. @param from exclusive */
export function logSubscription(from: Position | Edge, prefixes: readonly string[]): Buffer {
  return request(logFrom(from), SUBSCRIPTION, filterField(prefixes));
}

/** True when the prefixes leave out no stream except the server's own. */
export function selectsAll(prefixes: readonly string[]): boolean {
  return prefixes.length === 0 || prefixes.includes('');
}

/** True when the prefixes select a stream. */
export function matches(prefixes: readonly string[], stream: string): boolean {
  if (selectsAll(prefixes)) return !isSystemStream(stream);
  return prefixes.some((prefix) => stream.startsWith(prefix));
}

/** The server's own streams begin with `$`; the port never appends to them. */
export function isSystemStream(stream: string): boolean {
  return stream.startsWith('$');
}

const SUBSCRIPTION = field(6);
const NO_FILTER = field(8);
/** Event ids come as text. */
const UUIDS_AS_TEXT = field(9, field(2));

function request(...options: readonly Buffer[]): Buffer {
  return field(1, ...options, UUIDS_AS_TEXT);
}

function directionField(direction: Direction): Buffer {
  return numberField(3, direction === 'forwards' ? 0 : 1);
}

/** Infinity is written as the largest exact number. */
function countField(count: number): Buffer {
  return numberField(5, Math.min(count, Number.MAX_SAFE_INTEGER));
}

function logFrom(from: Position | Edge): Buffer {
  if (from === 'start') return field(2, field(2));
  if (from === 'end') return field(2, field(3));
  return field(2, field(1, numberField(1, from.commit), numberField(2, from.prepare)));
}

function filterField(prefixes: readonly string[]): Buffer {
  if (selectsAll(prefixes)) return NO_FILTER;
  const names = field(1, ...prefixes.map((prefix) => field(2, prefix)));
  const window = numberField(3, SEARCH_WINDOW_EVENTS);
  return field(7, names, window, numberField(5, WINDOWS_PER_CHECKPOINT));
}

/** Nothing of this name exists; the read only shows whether the node leads. */
export const LEADER_CHECK = streamRead('tocsin.leader-check', 'forwards', 'start', 1);
