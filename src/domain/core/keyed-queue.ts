// Work of many keys at once, of one key in its order, and never more at once than there is room for.

export type KeyedQueue = {
  /**
   * Takes one piece of work; resolves when there is room for it, not when it is done.
   * @throws unknown what earlier work threw
   */
  readonly add: (key: string, work: () => Promise<void>) => Promise<void>;
  /** Resolves when nothing is under way. @throws unknown what work threw */
  readonly idle: () => Promise<void>;
};

export function keyedQueue(room: number): KeyedQueue {
  const tails = new Map<string, Promise<void>>();
  let underWay = 0;
  let bell = Promise.withResolvers<undefined>();
  let failed: { readonly error: unknown } | undefined;
  const rethrow = (): void => {
    if (failed !== undefined) throw failed.error;
  };
  const done = (): void => {
    underWay -= 1;
    bell.resolve(undefined);
    bell = Promise.withResolvers();
  };
  return {
    async add(key, work) {
      while (underWay >= room) await bell.promise;
      rethrow();
      underWay += 1;
      const tail = (tails.get(key) ?? Promise.resolve())
        .then(work)
        .catch((error: unknown) => {
          failed ??= { error };
        })
        .finally(() => {
          if (tails.get(key) === tail) tails.delete(key);
          done();
        });
      tails.set(key, tail);
    },
    async idle() {
      while (underWay > 0) await bell.promise;
      rethrow();
    },
  };
}
