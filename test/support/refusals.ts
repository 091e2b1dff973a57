// What a piece of work is refused with.
import { TocsinError } from '../../src/domain/core/errors.ts';

/** The TocsinError that `work` throws; `undefined` when it throws nothing. Any other error goes on. */
export function thrownBy(work: () => unknown): TocsinError | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof TocsinError) return error;
    throw error;
  }
}

/** Its kind and code, or "no error". */
export function refusal(work: () => unknown): string {
  const error = thrownBy(work);
  return error === undefined ? 'no error' : `${error.kind} ${error.code}`;
}
