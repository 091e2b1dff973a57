// Looks at the output and at state files from outside.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { connect } from 'nats';

/** Where the output stream ends; 0 while there is none. */
export async function lastSequence(url: string): Promise<number> {
  const client = await connect({ servers: url, timeout: 5_000 });
  try {
    const manager = await client.jetstreamManager();
    return (await manager.streams.info('TOCSIN')).state.last_seq;
  } catch {
    // No stream yet, or a server that is still on its way up.
    return 0;
  } finally {
    await client.close();
  }
}

/** The sequence that a state file has committed. */
export function committedSequence(file: string): number {
  const db = new DatabaseSync(file, { readOnly: true, timeout: 5_000 });
  try {
    return Number(db.prepare('SELECT sequence FROM checkpoint').get()?.['sequence'] ?? 0);
  } finally {
    db.close();
  }
}

/** The place in the log up to which a projector has committed; -1 before the first commit. */
export function committedPlace(file: string): number {
  return lowestPlace(file, 'checkpoint');
}

/** The place in the log up to which all indexes of a worker's folder are made; -1 before the first. */
export function duePlace(folder: string): number {
  return lowestPlace(join(folder, 'due.db'), 'checkpoints');
}

function lowestPlace(file: string, table: string): number {
  if (!existsSync(file)) return -1;
  const db = new DatabaseSync(file, { readOnly: true, timeout: 5_000 });
  try {
    const found = db.prepare(`SELECT min(position_commit) AS place FROM ${table}`).get();
    return Number(found?.['place'] ?? -1);
  } finally {
    db.close();
  }
}
