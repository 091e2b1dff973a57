// Asks `tocsin store` to remove archived streams and to shrink its file. A server of EventStoreDB does neither.
import { TocsinError } from '../../../domain/core/errors.ts';
import type { StreamRemover } from '../../../domain/ports/stream-remover.ts';
import {
  decodeRemoved,
  decodeSpace,
  encodeRemove,
  REMOVE_STREAMS_PATH,
  SHRINK_PATH,
} from '../wire/upkeep-messages.ts';
import { CallError, STATUS } from './call-error.ts';
import { readError } from './failures.ts';
import type { Link } from './link.ts';

/** A step takes a fraction of a second; the disk may be busy. */
const ANSWER_MS = 60_000;

/** @param link to the node that owns the file */
export function upkeepThrough(link: () => Promise<Link>): StreamRemover {
  const ask = async (path: string, request: Buffer): Promise<Buffer> => {
    try {
      return await (await link()).ask(path, request, ANSWER_MS);
    } catch (error) {
      if (!(error instanceof CallError) || error.code !== STATUS.unimplemented) {
        throw readError(error);
      }
      throw new TocsinError('usage', 'store_keeps_streams', 'this store removes no streams', {
        hint: 'It is a server of EventStoreDB, or an older `tocsin store`: see docs/archive.md for what a server can do.',
        cause: error,
      });
    }
  };
  return {
    async removeStreams(groups) {
      return decodeRemoved(await ask(REMOVE_STREAMS_PATH, encodeRemove(groups)));
    },
    async shrink() {
      return decodeSpace(await ask(SHRINK_PATH, Buffer.alloc(0)));
    },
  };
}
