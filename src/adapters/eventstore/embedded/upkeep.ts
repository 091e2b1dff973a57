// What the writing thread does to the file besides appends: it removes archived streams, and shrinks the file.
import type { DatabaseSync } from 'node:sqlite';
import type { FileSpace } from '../../../domain/ports/stream-remover.ts';
import type { Engine } from './engine.ts';
import type { Upkeep, UpkeepResult } from './protocol.ts';

/** Pages given back at once: appends wait meanwhile, for some tens of milliseconds. */
const STEP_PAGES = 1_000;

const INCREMENTAL = 2;

/** Appends wait while the work runs, so that each call does little. */
export function upkeepOf(
  db: DatabaseSync,
  remove: Engine['remove'],
): (work: Upkeep) => UpkeepResult {
  return (work) => {
    try {
      return work.kind === 'remove'
        ? { kind: 'removed', groups: remove(work.groups) }
        : { kind: 'space', space: shrink(db) };
    } catch (error) {
      return { kind: 'failed', message: error instanceof Error ? error.message : String(error) };
    }
  };
}

/** `undefined` for a file of an earlier version, which keeps freed pages for later rows. */
function shrink(db: DatabaseSync): FileSpace | undefined {
  const pragma = (name: string): number => Number(db.prepare(`PRAGMA ${name}`).get()?.[name]);
  if (pragma('auto_vacuum') !== INCREMENTAL) return undefined;
  db.exec(`PRAGMA incremental_vacuum(${STEP_PAGES})`);
  const free = pragma('freelist_count');
  // Without this the freed pages would stay in the write-ahead log, and the file would keep its size.
  if (free === 0) db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  const pageSize = pragma('page_size');
  return { free: free * pageSize, size: pragma('page_count') * pageSize };
}
