// Bounds what the series of an entry, and of a file, may cost. Work is counted, not timed, so the same file
// always has the same result.
import { EntryError } from '../entry-problem.ts';

/** Counts steps of work. @throws EntryError when the entry or its file costs too much */
export type Work = { readonly spend: (steps: number) => void };

/** A step takes about 50 ns: an entry blocks for milliseconds, a file takes a few seconds at most. */
const MAX_ENTRY_STEPS = 100_000;
const MAX_FILE_STEPS = 40_000_000;

export type FileWork = {
  /** The work of one more entry of the file. */
  readonly entry: () => Work;
};

export function createFileWork(): FileWork {
  let spentByFile = 0;
  return {
    entry() {
      let spent = 0;
      return {
        spend(steps) {
          spent += steps;
          spentByFile += steps;
          if (spent > MAX_ENTRY_STEPS) {
            throw new EntryError('recurrence_too_long', 'has more instances than can be counted');
          }
          if (spentByFile > MAX_FILE_STEPS) {
            const message = 'is left out: the series of its file take too much time to compute';
            throw new EntryError('file_too_costly', message);
          }
        },
      };
    },
  };
}
