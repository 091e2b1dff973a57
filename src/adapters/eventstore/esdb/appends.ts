// Appends that survive the loss of a node. Each attempt has a part of the deadline, and the same append is sent
// again until the deadline, on the current link. Event ids and an exact expected revision make a repeat harmless:
// the server gives the answer of the first append again.
import { randomUUID } from 'node:crypto';
import { unlessAborted } from '../../../domain/core/signals.ts';
import type { AppendResult } from '../../../domain/ports/event-store.ts';
import type { AppendRequest } from '../common/append-request.ts';
import type { AppendAnswer } from './append-answers.ts';
import { confirmed, located, pause, unknown, type ReadableStore } from './append-outcome.ts';
import { AppendStream, type AppendLink } from './append-stream.ts';
import { messageOf } from './failures.ts';

/** What appends need of their store. */
export type AppendedStore = ReadableStore & {
  /** The link to the leader. */
  readonly link: () => Promise<AppendLink>;
  /** Called when an append was not answered as it should be: look whether the node still leads. */
  readonly onDoubt: () => void;
};

export type Appender = {
  /**
   * Never rejects.
   *
   * @param beforeRepeat awaited before each attempt but the first; this time does not count for the deadline
   */
  readonly append: (
    request: AppendRequest,
    deadlineMs: number,
    beforeRepeat?: () => Promise<void>,
  ) => Promise<AppendResult>;
};

/** One attempt has this part of the deadline, but not less than a second. */
const ATTEMPT_PART = 1 / 3;
const MIN_ATTEMPT_MS = 1_000;

/**
 * A server gives no answer to a repeat that comes before it has indexed the first append: both time out. At this
 * distance from the first none did.
 */
const REPEAT_AFTER_MS = 500;

/** Pause after an attempt that has written nothing. */
const PAUSE_MS = 100;

export function appender(store: AppendedStore): Appender {
  let stream: AppendStream | undefined;
  /** Appends under way; identical ones share one. */
  const underWay = new Map<string, Promise<AppendResult>>();

  /** A stream, or the error that prevents one, or `undefined` when the time is over. Never rejects. */
  const connected = async (ms: number): Promise<AppendStream | Error | undefined> => {
    try {
      const link = await unlessAborted(store.link(), within(ms), () => undefined);
      if (link === undefined) return undefined;
      if (stream === undefined || stream.ended || stream.link !== link)
        stream = new AppendStream(link);
      return stream;
    } catch (error) {
      return error instanceof Error ? error : new Error(messageOf(error));
    }
  };

  /** Sends until an answer decides, or the deadline. */
  const settle = async (
    request: AppendRequest,
    deadlineMs: number,
    beforeRepeat?: () => Promise<void>,
  ): Promise<AppendResult> => {
    let end = performance.now() + deadlineMs;
    const attemptMs = Math.max(MIN_ATTEMPT_MS, deadlineMs * ATTEMPT_PART);
    const left = (): number => (store.closing.aborted ? 0 : end - performance.now());
    /** When the first attempt was sent whose outcome is open. */
    let openSince: number | undefined;
    let result: AppendResult = unknown(`the event store gave no answer within ${deadlineMs} ms`);
    for (let ms = deadlineMs; ms > 0; ms = left()) {
      const usable = stream?.ended === false ? stream : await connected(ms);
      if (usable instanceof Error) {
        result = unknown(`the event store cannot be reached: ${usable.message}`, usable);
      } else if (usable !== undefined && left() > 0) {
        const answering = attempt(usable, request, Math.min(attemptMs, left()));
        const sentAt = performance.now();
        const answer = await answering;
        switch (answer?.outcome) {
          case 'appended':
            return answer;
          case 'position_unknown':
            return located(store, request, answer.revision, left);
          case 'conflict':
            return confirmed(store, request, answer, {
              isRepeat: openSince !== undefined,
              isReplicated: !usable.link.isAlone,
              left,
            });
          case 'refused':
            if (openSince === undefined || isAboutTheEvents(answer.reason)) return answer;
            // The stream may have been deleted, or the access withdrawn, after the first attempt was written.
            return unknown(`an attempt got no answer, the next was refused: ${answer.message}`);
          case 'not_written':
            result = unknown(answer.message);
            break;
          case 'unknown':
          case undefined:
            result = answer ?? result;
            openSince ??= sentAt;
        }
        store.onDoubt();
      }
      const repeatAt = openSince === undefined ? 0 : openSince + REPEAT_AFTER_MS;
      const inTurn = left() > 0 ? beforeRepeat?.() : undefined;
      await pause(Math.max(PAUSE_MS, repeatAt - performance.now()), left(), store.closing);
      const from = performance.now();
      await inTurn;
      end += performance.now() - from;
    }
    return result;
  };

  return {
    async append(request, deadlineMs, beforeRepeat) {
      const { stream: name, expected, events } = request;
      if (events.length === 0) return settle(request, deadlineMs, beforeRepeat);
      const key = JSON.stringify([name, String(expected), ...events.map(({ id }) => id)]);
      const end = performance.now() + deadlineMs;
      for (;;) {
        const left = end - performance.now();
        const shared = underWay.get(key);
        if (shared === undefined) {
          const own = settle(request, Math.max(0, Math.ceil(left)), beforeRepeat);
          underWay.set(key, own);
          try {
            return await own;
          } finally {
            underWay.delete(key);
          }
        }
        const late = unknown(`the event store gave no answer within ${deadlineMs} ms`);
        const result = await unlessAborted(shared, within(left), () => late);
        // The deadline of the append that is shared may be the earlier one.
        if (result.outcome !== 'unknown' || result === late) return result;
      }
    },
  };
}

/** One attempt; `undefined` when no answer came in time. */
async function attempt(
  stream: AppendStream,
  request: AppendRequest,
  ms: number,
): Promise<AppendAnswer | undefined> {
  const id = randomUUID();
  const { promise, resolve } = Promise.withResolvers<AppendAnswer | undefined>();
  const timer = setTimeout(resolve, ms, undefined);
  stream.send(id, request, resolve);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    stream.forget(id);
  }
}

/** These refusals do not depend on what happened between two attempts. */
function isAboutTheEvents(reason: string): boolean {
  return reason === 'too_large' || reason === 'invalid_argument';
}

/** Timers of signals take whole milliseconds only. */
function within(ms: number): AbortSignal {
  return AbortSignal.timeout(Math.max(0, Math.ceil(ms)));
}
