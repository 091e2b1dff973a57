// Runs the work of each key in order, the work of different keys at once, and at most `concurrency` works
// at a time.
import { wakeSignal } from './wake-signal.ts';

export type KeyedQueue = {
  /** Runs work after the earlier work of its key, and settles as the work does. */
  readonly run: <T>(key: string, work: () => Promise<T>) => Promise<T>;
  /**
   * Queues work without waiting for its end; resolves when fewer than `concurrency` added works are left.
   * @throws unknown what earlier added work threw
   */
  readonly add: (key: string, work: () => Promise<void>) => Promise<void>;
  /** Resolves when no added work is left. @throws unknown what added work threw */
  readonly idle: () => Promise<void>;
};

export function keyedQueue(concurrency: number): KeyedQueue {
  const lastByKey = new Map<string, Promise<void>>();
  const waitingForSlot: (() => void)[] = [];
  let running = 0;
  const runInSlot = async <T>(work: () => Promise<T>): Promise<T> => {
    if (running < concurrency) running += 1;
    else await new Promise<void>((resolve) => waitingForSlot.push(resolve));
    try {
      return await work();
    } finally {
      // The slot goes to the next in line.
      const next = waitingForSlot.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
  const run = <T>(key: string, work: () => Promise<T>): Promise<T> => {
    const before = lastByKey.get(key) ?? Promise.resolve();
    const result = before.then(() => runInSlot(work));
    const settled = (): void => {
      if (lastByKey.get(key) === last) lastByKey.delete(key);
    };
    const last = result.then(settled, settled);
    lastByKey.set(key, last);
    return result;
  };

  const changed = wakeSignal();
  let added = 0;
  let failed: { readonly error: unknown } | undefined;
  const rethrow = (): void => {
    if (failed !== undefined) throw failed.error;
  };
  return {
    run,
    async add(key, work) {
      while (added >= concurrency) await changed.next();
      rethrow();
      added += 1;
      void run(key, work)
        .catch((error: unknown) => {
          failed ??= { error };
        })
        .finally(() => {
          added -= 1;
          changed.wake();
        });
    },
    async idle() {
      while (added > 0) await changed.next();
      rethrow();
    },
  };
}
