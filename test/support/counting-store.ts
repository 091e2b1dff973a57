import type { EventStore } from '../../src/domain/ports/event-store.ts';

/** A store that counts the events it reads from streams, and can be replaced. */
export function counting(first: EventStore, isCounted: (stream: string) => boolean = () => true) {
  let current = first;
  let read = 0;
  const store: EventStore = {
    append: (...call) => current.append(...call),
    readAll: (options) => current.readAll(options),
    subscribeAll: (options) => current.subscribeAll(options),
    async *readStream(stream, options) {
      for await (const page of current.readStream(stream, options)) {
        if (isCounted(stream)) read += page.length;
        yield page;
      }
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return {
    store,
    replace: (other: EventStore): void => {
      current = other;
    },
    /** How many events the work reads. */
    during: async <T>(work: () => Promise<T>): Promise<readonly [T, number]> => {
      const before = read;
      const result = await work();
      return [result, read - before];
    },
  };
}
