// The log in memory: one list in commit order and one list per stream.
import { type Json, parseJsonText } from '../../../domain/core/json.ts';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import type { AppendResult } from '../../../domain/ports/event-store.ts';
import type { JsonAppendRequest } from '../common/append-request.ts';
import type { Direction, Log } from '../common/reading.ts';
import { decideAppend, NO_STREAM, positionOf } from '../common/revisions.ts';

/** The most events that one scan reads, matching or not. */
const SCAN_EVENTS = 4096;

export type MemoryLog = Log & {
  readonly append: (request: JsonAppendRequest) => AppendResult;
  /** The stream's last revision, or {@link NO_STREAM}. */
  readonly lastRevision: (stream: string) => bigint;
};

export function memoryLog(): MemoryLog {
  const all: RecordedEvent[] = [];
  const streams = new Map<string, RecordedEvent[]>();
  const lastRevision = (stream: string): bigint => {
    const length = streams.get(stream)?.length ?? 0;
    return length === 0 ? NO_STREAM : BigInt(length - 1);
  };

  return {
    lastRevision,
    append({ stream, expected, events }) {
      const own = streams.get(stream) ?? [];
      const decided = decideAppend(
        lastRevision(stream),
        expected,
        events.map(({ id }) => id),
        (revision, count) =>
          own
            .slice(Number(revision), Number(revision) + count)
            .map(({ id, position }) => ({ id, position: position.commit })),
      );
      if (decided !== undefined) return decided;
      let position = all.at(-1)?.position.commit ?? 0n;
      for (const { id, type, data, metadata, bytes } of events) {
        // A position is the byte offset at which the event ends: the next position is never just +1.
        position += BigInt(bytes);
        const recorded = {
          id,
          stream,
          revision: BigInt(own.length),
          position: positionOf(position),
          type,
          data: frozen(data),
          metadata: frozen(metadata),
        };
        own.push(recorded);
        all.push(recorded);
      }
      streams.set(stream, own);
      return {
        outcome: 'appended',
        revision: lastRevision(stream),
        position: positionOf(position),
      };
    },
    scan(direction, after, prefixes, limit) {
      const events: RecordedEvent[] = [];
      const step = direction === 'forwards' ? 1 : -1;
      let scannedTo = after ?? 0n;
      let i = startOf(all, direction, after);
      for (let looked = 0; looked < SCAN_EVENTS && events.length < limit; looked += 1, i += step) {
        const event = all[i];
        if (event === undefined) break;
        scannedTo = event.position.commit;
        const { stream } = event;
        if (prefixes.length === 0 || prefixes.some((prefix) => stream.startsWith(prefix))) {
          events.push(event);
        }
      }
      return { events, scannedTo, atEnd: all[i] === undefined };
    },
    stream(direction, stream, from, limit) {
      const own = streams.get(stream) ?? [];
      if (direction === 'forwards') {
        const start = clampIndex(from ?? 0n, own.length);
        return { events: own.slice(start, start + limit), atEnd: start + limit > own.length };
      }
      const end = from === undefined ? own.length : clampIndex(from + 1n, own.length);
      const events = own.slice(Math.max(0, end - limit), end).reverse();
      return { events, atEnd: events.length < limit };
    },
  };
}

/** Index of the first event beyond `after`, by bisection: positions increase. */
function startOf(all: readonly RecordedEvent[], direction: Direction, after: bigint | undefined) {
  if (after === undefined) return direction === 'forwards' ? 0 : all.length - 1;
  let low = 0;
  let high = all.length;
  // Counts the events at or before `after` (forwards), or strictly before it (backwards).
  const limit = direction === 'forwards' ? after + 1n : after;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = all[middle]?.position.commit ?? limit;
    if (at < limit) low = middle + 1;
    else high = middle;
  }
  return direction === 'forwards' ? low : low - 1;
}

function clampIndex(value: bigint, length: number): number {
  return value > BigInt(length) ? length : Math.max(0, Number(value));
}

/** Freezes the value, since all readers share it. */
function frozen(text: string): Json {
  const value = parseJsonText(text);
  const pending: Json[] = [value];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (typeof next !== 'object' || next === null) continue;
    Object.freeze(next);
    pending.push(...Object.values<Json>(next));
  }
  return value;
}
