// Turns an answer to an append into a result that its caller can act on, by reading the stream on the leader.
import { setTimeout as sleep } from 'node:timers/promises';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import type { AppendResult } from '../../../domain/ports/event-store.ts';
import type { AppendRequest } from '../common/append-request.ts';

/** What reading needs of the store. */
export type ReadableStore = {
  /** Reads a stream on the leader, from a revision on. */
  readonly read: (stream: string, from: bigint, count: number) => Promise<readonly RecordedEvent[]>;
  /** True when metadata of the stream hide events of it, which no read gives then. */
  readonly isHidden: (stream: string) => Promise<boolean>;
  /** Aborted when the store is closed. */
  readonly closing: AbortSignal;
};

/** Pause between two reads that wait for an event to be replicated. */
const READ_AGAIN_MS = 50;

type Conflict = Extract<AppendResult, { outcome: 'conflict' }>;

type Circumstances = {
  /** An earlier attempt may have been written. */
  readonly isRepeat: boolean;
  /** The leader counts writes that its followers, and so its readers, do not have yet. */
  readonly isReplicated: boolean;
  readonly left: () => number;
};

/**
 * A conflict that its caller can act on: the reported revision can be read, and the events are not those of an
 * earlier attempt, which a server can fail to recognise where metadata hide events of the stream.
 */
export async function confirmed(
  store: ReadableStore,
  request: AppendRequest,
  conflict: Conflict,
  { isRepeat, isReplicated, left }: Circumstances,
): Promise<AppendResult> {
  const { actual } = conflict;
  if (actual !== 'no_stream' && (isReplicated || isRepeat)) {
    await readUntil(store, left, request.stream, actual, 1);
  }
  if (!isRepeat) return conflict;
  const { stream, expected, events } = request;
  const stored = await readUntil(store, left, stream, expected + 1n, events.length, 0);
  if (stored === undefined)
    return unknown('an attempt got no answer, and the stream cannot be read');
  const last = stored.at(-1);
  const isOwn = events.every(({ id }, at) => stored[at]?.id.toLowerCase() === id);
  return isOwn && last !== undefined
    ? { outcome: 'appended', revision: last.revision, position: last.position }
    : conflict;
}

/** The result of a repeated append, with the position that its event has in the stream. */
export async function located(
  store: ReadableStore,
  { stream }: AppendRequest,
  revision: bigint,
  left: () => number,
): Promise<AppendResult> {
  const [event] = (await readUntil(store, left, stream, revision, 1)) ?? [];
  return event === undefined
    ? unknown('the append is written, its position cannot be read')
    : { outcome: 'appended', revision, position: event.position };
}

/**
 * Reads until at least `wanted` events are there, or cannot come because they are hidden; `undefined` when the stream
 * cannot be read in time.
 */
async function readUntil(
  { read, isHidden, closing }: ReadableStore,
  left: () => number,
  stream: string,
  from: bigint,
  count: number,
  wanted = count,
): Promise<readonly RecordedEvent[] | undefined> {
  for (let isFirst = true; ; isFirst = false) {
    let events: readonly RecordedEvent[] | undefined;
    try {
      events = await read(stream, from, count);
      if (events.length >= wanted || (isFirst && (await isHidden(stream)))) return events;
    } catch {
      // Another node may answer; the caller says that the stream could not be read.
      events = undefined;
    }
    if (left() <= 0) return events;
    await pause(READ_AGAIN_MS, left(), closing);
  }
}

/** Sleeps, but not beyond the time that is left, and not when the store is closed. */
export async function pause(ms: number, left: number, closing: AbortSignal): Promise<void> {
  const wait = Math.max(0, Math.min(ms, left));
  await sleep(wait, undefined, { signal: closing }).catch(() => undefined);
}

export function unknown(message: string, cause?: unknown): AppendResult {
  return { outcome: 'unknown', message, ...(cause === undefined ? {} : { cause }) };
}
