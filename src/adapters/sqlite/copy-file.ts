// Copies a SQLite file while its owner writes. The copy has one complete committed state, and no write-ahead log.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, open, rm } from 'node:fs/promises';
import { backup } from 'node:sqlite';
import { pipeline } from 'node:stream/promises';
import { TocsinError } from '../../domain/core/errors.ts';
import { opened, openError } from './open.ts';

/** What a file is: `PRAGMA application_id` and `PRAGMA user_version`. */
type FileFormat = { readonly applicationId: number; readonly version: number };

/** One state of a file; others may write meanwhile. Dispose it within minutes: the write-ahead log grows. */
export type Snapshot = Disposable & {
  readonly format: FileFormat;
  /** Copies the state to a new file that only its owner may read, and syncs it to the disk. */
  readonly copyTo: (target: string) => Promise<void>;
};

/** Pages copied at once: the state is held, so that nothing is gained by small steps. */
const PAGES = 1_000_000;

/** Holds the state of `file` at the time of the call. @throws TocsinError when it cannot be read */
export function snapshotOf(file: string, what: string): Snapshot {
  try {
    let format: FileFormat | undefined;
    const db = opened(file, true, (fresh) => {
      // The first read of a transaction decides which state it sees.
      fresh.exec('BEGIN');
      format = formatIn((pragma) => Number(fresh.prepare(`PRAGMA ${pragma}`).get()?.[pragma]));
    });
    return {
      format: format ?? { applicationId: 0, version: 0 },
      async copyTo(target) {
        try {
          await backup(db, target, { rate: PAGES });
          opened(target, false, (copy) => {
            // One file, and not a file with a log beside it that somebody could forget.
            copy.exec('PRAGMA journal_mode = DELETE');
          }).close();
          await chmod(target, 0o600);
          await sync(target);
        } catch (error) {
          await rm(target, { force: true });
          throw openError(target, what, error);
        }
      },
      [Symbol.dispose]() {
        if (db.isOpen) db.close();
      },
    };
  } catch (error) {
    throw openError(file, what, error);
  }
}

function formatIn(read: (pragma: string) => number): FileFormat {
  return { applicationId: read('application_id'), version: read('user_version') };
}

/** Syncs a file, or a folder with its names, to the disk. */
export async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The SHA-256 of a file, in hex. */
export async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(file), hash);
  } catch (cause) {
    throw new TocsinError('refused', 'file_damaged', `${file} cannot be read`, {
      hint: 'Check the disk, and that this user may read the file.',
      cause,
    });
  }
  return hash.digest('hex');
}
