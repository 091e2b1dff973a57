// Kills a process between an append and its answer: the event is in the log, and its writer is gone. Later
// calls of the process have no effect, and its waits never end.
import type { EventStore } from '../../src/domain/ports/event-store.ts';

export type Mortal = {
  readonly store: EventStore;
  readonly isDead: () => boolean;
};

/** The store, for a process that dies with its `at`th append, from 1. */
export function mortalStore(store: EventStore, at: number): Mortal {
  let appends = 0;
  let dead = false;
  const never = new Promise<never>(() => undefined);
  const alive = async <T>(work: () => Promise<T>): Promise<T> => (dead ? never : work());
  return {
    isDead: () => dead,
    store: {
      append: (...args) =>
        alive(async () => {
          appends += 1;
          const isLast = appends === at;
          const result = await store.append(...args);
          if (isLast) dead = true;
          return dead ? never : result;
        }),
      async *readStream(...args) {
        for await (const page of store.readStream(...args))
          yield await alive(() => Promise.resolve(page));
      },
      async *readAll(...args) {
        for await (const page of store.readAll(...args))
          yield await alive(() => Promise.resolve(page));
      },
      async *subscribeAll(...args) {
        for await (const page of store.subscribeAll(...args)) {
          yield await alive(() => Promise.resolve(page));
        }
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    },
  };
}
