// Reads the body of an answer up to a limit, also when the receiver cuts it off or compresses it.
import type { Readable } from 'node:stream';
import { brotliDecompressSync, constants, inflateSync, gunzipSync } from 'node:zlib';

export type ReadBody = {
  /** Resolves at the end of the body, at its error, or at the limit; never rejects. */
  readonly ended: Promise<void>;
  /** What has arrived, as text. */
  readonly text: (encoding: string | undefined) => string;
};

export function readBody(answer: Readable, maxBytes: number): ReadBody {
  const { promise: ended, resolve } = Promise.withResolvers<undefined>();
  const chunks: Buffer[] = [];
  let bytes = 0;
  const end = (): void => {
    resolve(undefined);
  };
  answer.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > maxBytes) end();
  });
  // An answer that lacks its last chunk ends with an error; its JSON may be whole.
  for (const name of ['end', 'close', 'error']) answer.once(name, end);
  const text = (encoding: string | undefined): string => {
    const packed = Buffer.concat(chunks).subarray(0, maxBytes);
    return unpacked(packed, encoding, maxBytes)
      .toString('utf8')
      .replace(/^\ufeff/, '');
  };
  return { ended, text };
}

/** Receivers pack answers although they are asked not to. */
function unpacked(bytes: Buffer, encoding: string | undefined, maxOutputLength: number): Buffer {
  // A body that was cut off is unpacked as far as it came.
  const partly = { maxOutputLength, finishFlush: constants.Z_SYNC_FLUSH };
  try {
    switch (encoding?.trim().toLowerCase()) {
      case 'gzip':
      case 'x-gzip':
        return gunzipSync(bytes, partly);
      case 'deflate':
        return inflateSync(bytes, partly);
      case 'br':
        return brotliDecompressSync(bytes, { maxOutputLength });
      default:
        return bytes;
    }
  } catch {
    // A body that cannot be unpacked, or that is a bomb, counts as one that cannot be read.
    return Buffer.alloc(0);
  }
}
