// An event store that stops to answer reads, as a frozen server does: the connection stands, nothing comes.
import type { EventStore } from '../../src/domain/ports/event-store.ts';

export type SilentReads = {
  readonly store: EventStore;
  /** From now on these reads are not answered. @param reads by stream, `$all` for the log; default: all */
  readonly silence: (reads?: (stream: string) => boolean) => void;
  /** Reads that wait for an answer. */
  readonly waiting: () => number;
};

export function silentReads(store: EventStore): SilentReads {
  let isSilent = (_stream: string): boolean => false;
  let waiting = 0;
  async function* answered<T>(
    stream: string,
    pages: AsyncIterable<T>,
  ): AsyncGenerator<T, void, undefined> {
    if (isSilent(stream)) {
      waiting += 1;
      await new Promise<never>(() => undefined);
    }
    yield* pages;
  }
  return {
    store: {
      append: (...args) => store.append(...args),
      readStream: (stream, options) => answered(stream, store.readStream(stream, options)),
      readAll: (options) => answered('$all', store.readAll(options)),
      subscribeAll: (...args) => store.subscribeAll(...args),
      [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    },
    silence: (reads = () => true) => {
      isSilent = reads;
    },
    waiting: () => waiting,
  };
}
