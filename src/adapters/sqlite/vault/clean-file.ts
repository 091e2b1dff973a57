// Removes the copies of deleted records from a vault's files. A copy can be in the journal. It can also be in the
// unused part of a page, if SQLite moved the record before the record was deleted. `secure_delete` does not reach
// both.
import type { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { TocsinError } from '../../../domain/core/errors.ts';
import { SQLITE, sqliteCode } from '../open.ts';

/** The record that stands for deleted records whose copies may still be in the files, also after a crash. */
export const REMOVED_KEY = ':removed';

/** How long a reader may keep the journal before `clean` gives up. */
const MAX_WAIT_MS = 3_000;
const RETRY_MS = 100;

/** The code of the error of `clean`; the secrets themselves are deleted. */
export const STILL_IN_FILE = 'secret_still_in_file';

export function fileCleaner(db: DatabaseSync, file: string) {
  const find = db.prepare('SELECT 1 FROM secrets WHERE name = ?');
  const insert = db.prepare("INSERT OR REPLACE INTO secrets VALUES (?, '', x'')");
  const remove = db.prepare('DELETE FROM secrets WHERE name = ?');
  /** Several removals wait together once. */
  let heldSince: number | undefined;

  const isEmptied = (): boolean => {
    // Each try holds up the thread for the timeout, so the wait between tries is outside of SQLite.
    db.exec('PRAGMA busy_timeout = 0');
    try {
      return db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()?.['busy'] === 0;
    } finally {
      db.exec('PRAGMA busy_timeout = 5000');
    }
  };

  return {
    /** Call it in the transaction that deletes. */
    mark(): void {
      insert.run(REMOVED_KEY);
    },
    /**
     * Cleans the files if records were deleted, by this process or another one.
     *
     * @throws TocsinError `unavailable` (`secret_still_in_file`) while a reader needs the old pages
     */
    async clean(): Promise<void> {
      if (find.get(REMOVED_KEY) === undefined) return;
      rewrite(db, file);
      const startedAt = heldSince ?? performance.now();
      while (!isEmptied()) {
        heldSince = startedAt;
        if (performance.now() - startedAt > MAX_WAIT_MS) throw stillInFile(file);
        await sleep(RETRY_MS);
      }
      heldSince = undefined;
      remove.run(REMOVED_KEY);
    },
  };
}

/** Writes all pages anew, without unused parts. Its temporary copy stays in memory. */
function rewrite(db: DatabaseSync, file: string): void {
  try {
    db.exec('PRAGMA temp_store = MEMORY; VACUUM');
  } catch (error) {
    const code = sqliteCode(error);
    if (code === SQLITE.busy || code === SQLITE.locked) throw stillInFile(file, error);
    throw error;
  }
}

function stillInFile(file: string, cause?: unknown): TocsinError {
  const message = `the secret is deleted, but another program reads an earlier state of ${file}, so that its bytes are still in the file or in ${file}-wal`;
  return new TocsinError('unavailable', STILL_IN_FILE, message, {
    hint:
      `End the program that reads ${file}, such as a backup or a database browser ` +
      `(fuser -v ${file} or lsof ${file} names it), and run the same command again.`,
    cause,
  });
}
