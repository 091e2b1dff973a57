// Looks at the output and at state files from outside.
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
