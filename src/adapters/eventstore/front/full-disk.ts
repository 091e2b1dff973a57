// Logs at the store that its disk is full: at the first append that finds no room, every hour, and at the end.
import type { Logger } from '../../../domain/ports/logger.ts';
import type { EmbeddedEngine } from '../embedded/open.ts';

const AGAIN_MS = 60 * 60 * 1_000;
/** On a disk that is nearly full, small appends find room between large ones that do not. */
const ROOM_MS = 60 * 1_000;

/** The engine, with log lines while appends find no room. */
export function reportFullDisk(engine: EmbeddedEngine, logger: Logger): EmbeddedEngine {
  let loggedAt: number | undefined;
  let refusedAt = 0;
  let refused = 0;
  return {
    ...engine,
    async append(request, deadlineMs) {
      const result = await engine.append(request, deadlineMs);
      const now = performance.now();
      if (result.outcome === 'refused' && result.reason === 'storage_full') {
        refused += 1;
        refusedAt = now;
        if (loggedAt === undefined || now - loggedAt > AGAIN_MS) {
          loggedAt = now;
          logger.error({ refused }, 'the disk is full: the store refuses appends');
        }
      } else if (loggedAt !== undefined && now - refusedAt > ROOM_MS) {
        logger.info({ refused }, 'the store has room again');
        loggedAt = undefined;
        refused = 0;
      }
      return result;
    },
  };
}
