// Where a subscription starts, and the proof that its start skips nothing. Version 23.10 first reads one event at
// or after the start and continues after this event. If the start is no visible event (a checkpoint, a scavenged
// event), it skips the event that it has read. Versions 23.10 and 24.6 accept a start beyond the end of a log that
// was restored.
import { comparePositions, formatPosition, type Position } from '../../../domain/core/positions.ts';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import { TocsinError } from '../../../domain/core/errors.ts';
import type { ReadCall } from './link.ts';
import { isInvalidPosition } from './failures.ts';
import { readLog } from './reads.ts';
import { logRead } from './requests.ts';

/** One node of the store. */
export type ReadNode = {
  readonly start: (request: Buffer) => ReadCall;
  /** The same, on the leader: another node may not have the newest events yet. */
  readonly startOnLeader: (request: Buffer) => Promise<ReadCall>;
};

export type SubscriptionStart = {
  /** Exclusive; absent for the log's beginning. */
  readonly from: Position | undefined;
  /** True when an event is at `from`, or the start is the log's beginning: then no server skips an event. */
  readonly isSafe: boolean;
  /** The log's last event, where the subscription starts at the log's beginning. */
  readonly head?: Position | undefined;
};

/** How long a short read may take. */
const SILENCE_MS = 10_000;

/**
 * Decides where to subscribe from. The last delivered event is preferred to a later checkpoint, because the event can
 * be verified. A checkpoint that the log does not reach, or has no record for, is replaced by the reader's last event: a
 * restored log grows past the checkpoint again, with other events.
 *
 * @param last the last delivered event
 * @param lastEventAt the position of the event that the reader had processed before the subscription
 * @throws TocsinError `log_changed` when another event, or none, is at the place of `last`
 */
export async function startOf(
  { start, startOnLeader }: ReadNode,
  cursor: Position | undefined,
  last: RecordedEvent | undefined,
  lastEventAt: Position | undefined,
): Promise<SubscriptionStart> {
  if (cursor === undefined) return { from: undefined, isSafe: true, head: await headOf(start) };
  if (last !== undefined) {
    const from = last.position;
    if (isSame(await firstFrom(start, from), last)) return { from, isSafe: true };
    if (isSame(await firstFrom(startOnLeader, from), last)) {
      throw new Error('this node lags behind the leader');
    }
    const event = `event ${last.revision} of ${last.stream}`;
    throw logChanged(`the log no longer holds ${event} at ${formatPosition(from)}`);
  }
  const head = await headOf(startOnLeader);
  if (head === undefined || comparePositions(head, cursor) < 0) {
    return { from: lastEventAt ?? head, isSafe: true };
  }
  try {
    const first = await firstFrom(start, cursor);
    return { from: cursor, isSafe: first !== undefined && isAt(first, cursor) };
  } catch (error) {
    if (!isLogChanged(error) || lastEventAt === undefined) throw error;
    return { from: lastEventAt, isSafe: true };
  }
}

/** The position of the log's last event. */
async function headOf(start: ReadNode['start' | 'startOnLeader']): Promise<Position | undefined> {
  const [event] = await readLog(start, logRead('backwards', 'end', [], 1), SILENCE_MS);
  return event?.position;
}

/** The first event at or after a position, of any stream. It can be the event that the server has skipped. */
export async function firstFrom(
  start: ReadNode['start' | 'startOnLeader'],
  from: Position,
): Promise<RecordedEvent | undefined> {
  try {
    const [first] = await readLog(start, logRead('forwards', from, [], 1), SILENCE_MS);
    return first;
  } catch (error) {
    if (!isInvalidPosition(error)) throw error;
    throw logChanged(`the log has no place ${formatPosition(from)}`);
  }
}

export function isLogChanged(error: unknown): boolean {
  return error instanceof TocsinError && error.code === 'log_changed';
}

/** What the reader of a subscription gets. It reads the log again, and decides whether it can go on. */
export function logChanged(message: string): TocsinError {
  return new TocsinError('unavailable', 'log_changed', message, {
    hint: 'The store was restored from a backup or replaced. Start again: the start says what to do.',
  });
}

function isSame(found: RecordedEvent | undefined, last: RecordedEvent): boolean {
  return found?.id === last.id && isAt(found, last.position);
}

function isAt({ position }: RecordedEvent, place: Position): boolean {
  return comparePositions(position, place) === 0;
}
