// The answers of a call, taken in pages. What has arrived while the reader was busy is one page; a
// reader that does not come stops the call, and through HTTP/2's window the server.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { wakeSignal } from '../../../domain/core/wake-signal.ts';
import { PAGE_EVENTS } from '../common/reading.ts';
import type { ReadCall } from './connection.ts';
import { heardIn, type Heard } from './recorded.ts';

/** The most bytes of events in a page, and one event more. */
const PAGE_BYTES = 4 * 1024 * 1024;

/** What an answer is for the reader, and how much of a page it fills. */
export type Item<T> = { readonly item: T; readonly bytes: number };

export type Inbox<T> = {
  /** What is there, once something is; `undefined` when the server ended the call. Rejects with its error. */
  readonly next: () => Promise<readonly T[] | undefined>;
};

/** Cancels a call that comes when nobody wants it any more. */
export function cancelLate(starting: Promise<ReadCall>): void {
  starting.then(
    (late) => {
      late.cancel();
    },
    () => undefined,
  );
}

/** @param convert what an answer is; `undefined` for what the reader need not see */
export function openInbox<T>(
  call: ReadCall,
  convert: (answer: Heard) => Item<T> | undefined,
): Inbox<T> {
  let items: T[] = [];
  let bytes = 0;
  let over: { readonly error?: Error } | undefined;
  const changed = wakeSignal();
  const arrived = (): number => items.length;
  const end = (how: { readonly error?: Error }): void => {
    over ??= how;
    changed.wake();
  };
  call.on('data', (answer: Buffer) => {
    if (over !== undefined) return;
    try {
      const found = convert(heardIn(answer));
      if (found === undefined) return;
      items.push(found.item);
      bytes += found.bytes;
    } catch (error) {
      // Thrown from here it would end the process.
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
      while (items.length === 0 && over === undefined) {
        await changed.next();
        // What comes right behind it belongs to the same page.
        for (let seen = 0; arrived() > seen && arrived() < PAGE_EVENTS;) {
          seen = arrived();
          await nextTurn();
        }
      }
      // The error first: what it cuts off is read again.
      if (over?.error !== undefined) throw over.error;
      if (items.length === 0) return undefined;
      const page = items;
      items = [];
      bytes = 0;
      call.resume();
      return page;
    },
  };
}
