// Collects the answers of a call into pages. A page holds the answers that arrived while the reader was busy.
// A reader that falls behind pauses the call and so, through HTTP/2's flow control, the server.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { wakeSignal } from '../../../domain/core/wake-signal.ts';
import { PAGE_EVENTS } from '../common/reading.ts';
import type { ReadCall } from './link.ts';
import { readAnswerDecoder, type ReadAnswer } from './read-answers.ts';

/** The most bytes of events in a page, before the event that exceeds it. */
const PAGE_BYTES = 4 * 1024 * 1024;

/** What an answer is for the reader, and the bytes that it adds to the page. */
export type Item<T> = { readonly item: T; readonly bytes: number };

export type AnswerPages<T> = {
  /** The next page, at least one item; `undefined` when the server ended the call. Rejects with its error. */
  readonly next: () => Promise<readonly T[] | undefined>;
};

/** Cancels a call that starts after its reader has gone. */
export function cancelLate(starting: Promise<ReadCall>): void {
  starting.then(
    (late) => {
      late.cancel();
    },
    () => undefined,
  );
}

/** @param convert returns `undefined` for an answer that the reader does not need */
export function answerPages<T>(
  call: ReadCall,
  convert: (answer: ReadAnswer) => Item<T> | undefined,
): AnswerPages<T> {
  let items: T[] = [];
  let bytes = 0;
  let ended: { readonly error?: Error } | undefined;
  const changed = wakeSignal();
  const decode = readAnswerDecoder();
  const arrived = (): number => items.length;
  const end = (how: { readonly error?: Error }): void => {
    ended ??= how;
    changed.wake();
  };
  call.on('data', (answer: Buffer) => {
    if (ended !== undefined) return;
    try {
      const found = convert(decode(answer));
      if (found === undefined) return;
      items.push(found.item);
      bytes += found.bytes;
    } catch (error) {
      // An exception in a stream callback would end the process.
      end({ error: error instanceof Error ? error : new Error(String(error)) });
      call.cancel();
      return;
    }
    if (items.length >= PAGE_EVENTS || bytes >= PAGE_BYTES) call.pause();
    changed.wake();
  });
  call.on('error', (error) => {
    end({ error });
  });
  call.on('end', () => {
    end({});
  });
  return {
    async next() {
      while (items.length === 0 && ended === undefined) {
        await changed.next();
        // Answers that arrive directly after the first one belong to the same page.
        for (let seen = 0; arrived() > seen && arrived() < PAGE_EVENTS;) {
          seen = arrived();
          await nextTurn();
        }
      }
      // The error comes before the items that arrived with it: the reader reads those again.
      if (ended?.error !== undefined) throw ended.error;
      if (items.length === 0) return undefined;
      const page = items;
      items = [];
      bytes = 0;
      call.resume();
      return page;
    },
  };
}
