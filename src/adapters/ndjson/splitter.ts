// Splits bytes into lines. Between two chunks it keeps one unfinished line, at most as long as the limit.
import { Buffer } from 'node:buffer';

const LF = 0x0a;

/** One line without its LF; the bytes are valid until the next line is read. */
export type RawLine = { readonly line: number; readonly bytes: Buffer | 'too_long' };

export type Splitter = {
  /** The lines that this chunk completes, and a line that becomes too long in it. */
  readonly push: (chunk: Uint8Array) => Generator<RawLine, void, undefined>;
  /** The last line, when it has no LF. */
  readonly end: () => Generator<RawLine, void, undefined>;
};

/** Splits chunks into lines of at most `maxLineBytes` bytes; a longer line is reported immediately. */
export function createSplitter(maxLineBytes: number): Splitter {
  let line = 1;
  let held = Buffer.alloc(0);
  let size = 0;
  /** The line was reported as too long; its rest is skipped. */
  let skipping = false;

  const hold = (bytes: Buffer): void => {
    const needed = size + bytes.length;
    if (needed > held.length) {
      // Doubling, since a line may come in very small pieces.
      const grown = Buffer.alloc(Math.min(maxLineBytes, Math.max(needed, held.length * 2)));
      held.copy(grown, 0, 0, size);
      held = grown;
    }
    bytes.copy(held, size);
    size = needed;
  };

  return {
    *push(chunk) {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      for (let from = 0; from < bytes.length;) {
        const found = bytes.indexOf(LF, from);
        const to = found < 0 ? bytes.length : found;
        const part = bytes.subarray(from, to);
        if (!skipping && size + part.length > maxLineBytes) {
          skipping = true;
          size = 0;
          yield { line, bytes: 'too_long' };
        }
        if (found < 0) {
          if (!skipping) hold(part);
          return;
        }
        if (!skipping && size === 0) {
          if (part.length > 0) yield { line, bytes: part };
        } else if (!skipping) {
          hold(part);
          const whole = held.subarray(0, size);
          size = 0;
          yield { line, bytes: whole };
        }
        skipping = false;
        line += 1;
        from = found + 1;
      }
    },

    *end() {
      if (size > 0) yield { line, bytes: held.subarray(0, size) };
      size = 0;
    },
  };
}
