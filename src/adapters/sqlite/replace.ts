// Replaces a read model by a new one atomically: a process that opens the file finds the old file or the new file.
import { existsSync, renameSync, rmSync } from 'node:fs';
import { TocsinError } from '../../domain/core/errors.ts';
import type { Checkpoint } from '../../projections/read-model.ts';
import { openSqlite } from './open.ts';
import { lockFile } from './made-from-log.ts';
import { openReadModelReader, sqliteReadModel, type SqliteReadModel } from './read-model.ts';
import { READ_MODEL_FORMAT } from './read-model-format.ts';

const COMPANIONS = ['-wal', '-shm'];

/**
 * Builds a read model beside `file` and renames it to `file`. The lock keeps a projector from running meanwhile.
 * If `build` fails or the process ends, the old read model is unchanged.
 *
 * @param build gets the empty read model, and the checkpoint of the old one if it can be read
 * @throws TocsinError `refused` (`read_model_in_use`) while a projector runs on the file, `unavailable`
 * while another program reads an old state
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
  // The write-ahead log of the old file must not be applied to the new one.
  emptyWal(file);
  for (const end of COMPANIONS) rmSync(`${file}${end}`, { force: true });
  renameSync(fresh, file);
  rmSync(`${fresh}.lock`, { force: true });
  return result;
}

/** `undefined` when the file is missing or damaged. */
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

/** Moves the write-ahead log into the old file, which stays complete if the process ends before the rename. */
function emptyWal(file: string): void {
  if (!existsSync(file)) return;
  try {
    using db = openSqlite(file, READ_MODEL_FORMAT);
    const busy = db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()?.['busy'];
    if (busy === 0) return;
  } catch (error) {
    // A damaged file has no state to keep.
    if (error instanceof TocsinError && error.kind === 'refused') return;
    throw error;
  }
  throw new TocsinError('unavailable', 'file_busy', `another program keeps ${file} locked`, {
    hint: 'Close programs that have the file open (a database browser, a backup) and try again.',
  });
}

function remove(file: string): void {
  for (const end of ['', ...COMPANIONS]) rmSync(`${file}${end}`, { force: true });
}
