// Looks at the output and at state files from outside.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { connect } from 'nats';
import { embeddedReader } from '../../src/adapters/eventstore/embedded/store.ts';
import { firstOf } from '../../src/projections/last-seen.ts';

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
  return Number(rowOf(file, 'SELECT sequence FROM checkpoint')?.['sequence'] ?? 0);
}

/** The place in the log up to which a projector has committed; -1 before the first commit. */
export function committedPlace(file: string): number {
  if (!existsSync(file)) return -1;
  return Number(rowOf(file, 'SELECT position_commit AS place FROM checkpoint')?.['place'] ?? -1);
}

/**
 * The place in the log of the last event that a worker's index has read; -1 before the first. The index itself may stand
 * further on, at a place up to which the log has nothing for it.
 */
export async function lastEventPlace(folder: string, log: string): Promise<number> {
  const file = join(folder, 'due.db');
  if (!existsSync(file)) return -1;
  const found = rowOf(
    file,
    'SELECT last_event_stream AS stream, last_event_revision AS revision FROM checkpoints',
  );
  if (typeof found?.['stream'] !== 'string') return -1;
  await using reader = embeddedReader(log);
  const from = BigInt(Number(found['revision']));
  const event = await firstOf(
    reader.readStream(found['stream'], { direction: 'forwards', from, maxCount: 1 }),
  );
  return Number(event?.position.commit ?? -1);
}

function rowOf(file: string, sql: string): Readonly<Record<string, unknown>> | undefined {
  const db = new DatabaseSync(file, { readOnly: true, timeout: 5_000 });
  try {
    return db.prepare(sql).get();
  } finally {
    db.close();
  }
}
