// A fresh read model in the place of the live one, in one step: whoever opens the file finds the old one
// or the new one, whole.
import { existsSync, renameSync, rmSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { TocsinError } from '../../domain/core/errors.ts';
import type { Checkpoint } from '../../projections/read-model.ts';
import { openSqlite } from './open.ts';
import { lockFile } from './made-from-log.ts';
import { openReadModelReader, sqliteReadModel, type SqliteReadModel } from './read-model.ts';
import { READ_MODEL_FORMAT } from './read-model-tables.ts';

/** Ends of the files that belong to a database in WAL mode. */
const COMPANIONS = ['-wal', '-shm'];

/**
 * Builds a read model beside `file` and puts it in its place. A projector cannot run meanwhile: its lock
 * is held. If `build` fails, or the process ends, the old one is as it was.
 *
 * @param build gets the empty read model, and the live one's checkpoint if that can be read
 * @throws TocsinError `refused` (`read_model_in_use`) while a projector runs on the file, `unavailable`
 * while another program looks at an old state of it
 */
export async function replaceReadModel<T>(
  file: string,
  build: (state: SqliteReadModel, live: Checkpoint | undefined) => Promise<T>,
): Promise<T> {
  const owner = 'tocsin audit rebuild';
  using _lock = lockFile(file, READ_MODEL_FORMAT, owner);
  const fresh = `${file}.rebuild`;
  remove(fresh);
  let result: T;
  try {
    using state = sqliteReadModel({ file: fresh, owner });
    result = await build(state, checkpointOf(file));
  } catch (error) {
    remove(fresh);
    rmSync(`${fresh}.lock`, { force: true });
    throw error;
  }
  // Closing has put everything into the file itself; the old one's log must not meet the new one.
  settle(file);
  for (const end of COMPANIONS) rmSync(`${file}${end}`, { force: true });
  renameSync(fresh, file);
  rmSync(`${fresh}.lock`, { force: true });
  return result;
}

/** Absent where the file is missing or damaged, which is what rebuilding is for. */
function checkpointOf(file: string): Checkpoint | undefined {
  if (!existsSync(file)) return undefined;
  try {
    using reader = openReadModelReader(file);
    return reader.checkpoint();
  } catch (error) {
    if (error instanceof TocsinError) return undefined;
    throw error;
  }
}

/** Moves the old file's write-ahead log into it, so that it stays whole if we end before the new one is there. */
function settle(file: string): void {
  if (!existsSync(file)) return;
  let db: DatabaseSync | undefined;
  try {
    db = openSqlite(file, READ_MODEL_FORMAT);
    const busy = db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()?.['busy'];
    if (busy === 0) return;
  } catch (error) {
    // A file that cannot be opened has nothing to lose.
    if (error instanceof TocsinError && error.kind === 'refused') return;
    throw error;
  } finally {
    db?.close();
  }
  throw new TocsinError('unavailable', 'file_busy', `another program keeps ${file} locked`, {
    hint: 'Close programs that have the file open (a database browser, a backup) and try again.',
  });
}

function remove(file: string): void {
  for (const end of ['', ...COMPANIONS]) rmSync(`${file}${end}`, { force: true });
}
