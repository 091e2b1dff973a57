// Due indexes in memory: the SQLite due indexes without a file.
import { DUE_INDEX_FORMAT, dueIndexesOn } from '../../src/adapters/sqlite/due-index.ts';
import { assertLog } from '../../src/adapters/sqlite/index-file.ts';
import { sharedFile, temporaryFile } from '../../src/adapters/sqlite/made-from-log.ts';
import type { DueIndexes } from '../../src/kernel/processes/due/due-index.ts';

/** What outlives its owners, as a file does. */
export type MemoryDueIndexStore = {
  /** The indexes, for one owner after another. */
  readonly open: (storeId: string) => DueIndexes;
};

/** A store for due indexes in memory, to open again and again. */
export function memoryDueIndexStore(): MemoryDueIndexStore {
  const file = temporaryFile(':memory:', 'the due index in memory', DUE_INDEX_FORMAT);
  return {
    open(storeId) {
      assertLog(file, storeId);
      return dueIndexesOn(sharedFile(file));
    },
  };
}
