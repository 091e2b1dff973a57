// The lines of a text file that may be large and hostile.
import { createReadStream } from 'node:fs';
import { TocsinError } from '../../domain/core/errors.ts';

export const FILE_HINT = 'Check the path, and that this user may read or write there.';

/** Longest line in characters; the largest event of a store, in base64, is shorter. */
const MAX_LINE = 32 * 1024 * 1024;

/** Only LF ends a line. A line that is too long is cut, and then fails the check as invalid. */
export async function* linesOf(file: string): AsyncGenerator<string> {
  let rest = '';
  try {
    const stream: AsyncIterable<string> = createReadStream(file, 'utf8');
    for await (const chunk of stream) {
      const [end = '', ...lines] = chunk.split('\n');
      if (rest.length <= MAX_LINE) rest += end;
      const begun = lines.pop();
      if (begun === undefined) continue;
      yield rest;
      yield* lines;
      rest = begun;
    }
  } catch (cause) {
    throw asFileError(file, cause);
  }
  if (rest !== '') yield rest;
}

/** An error of the file system names the file and what to do; others stay as they are. */
export function asFileError(file: string, cause: unknown): unknown {
  if (!(cause instanceof Error) || !('syscall' in cause)) return cause;
  return new TocsinError('usage', 'file_unusable', `${file}: ${cause.message}`, {
    hint: FILE_HINT,
    cause,
  });
}
