// After the torture: what the stream and the read models hold, against what the oracles say.
import { execFile } from 'node:child_process';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { connect } from 'nats';
import { deliveryFaults, deliveryRecords } from '../oracle/delivery-oracle.ts';
import { compareLists, decideLog, type Decided, type Difference } from '../oracle/log-oracle.ts';
import type { Cluster } from './cluster.ts';
import type { Load } from './load.ts';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

export type Verification = {
  readonly expected: number;
  readonly stored: number;
  readonly triggers: number;
  /** Deliveries that have a record, and calls that the receiver heard. */
  readonly deliveries: number;
  readonly calls: number;
  /** Messages of the decided list against the stream. */
  readonly messages: Difference;
  /** Triggers that the raised lines stand for against the log. */
  readonly raises: Difference;
  /** What differs otherwise, in words. */
  readonly differences: readonly string[];
};

/** Compares everything; the processes are stopped, the NATS server runs. */
export async function verify(cluster: Cluster, load: Load): Promise<Verification> {
  const decided = decideLog(cluster.storeFile);
  const stored = await storedIds(cluster.nats.url);
  const ids = decided.messages.map(({ id }) => id);
  const { scopes, answer } = load.expected();
  const differences: string[] = [...load.wrong];
  const same = (what: string, found: unknown, expected: unknown): void => {
    if (JSON.stringify(found) === JSON.stringify(expected)) return;
    differences.push(`${what}: ${JSON.stringify(found)}, not ${JSON.stringify(expected)}`);
  };
  const published = decided.verdicts.filter(({ verdict }) => verdict === 'published').length;
  const suppressed = decided.verdicts.length - published;
  same('triggers of the log', decided.scopes.length, answer.raised);
  same('published requests of the log', published, answer.published);
  same('suppressed of the log', suppressed, answer.suppressed);
  same('keys of the log', decided.dedupeKeysSha256, answer.dedupe_keys_sha256);
  for (const { state } of cluster.projectors) same(state, readModelFault(state, decided), 'right');
  same('replay', await replayed(cluster), {
    triggers: decided.scopes.length,
    published,
    suppressed,
    parked: 0,
    dedupeKeysSha256: decided.dedupeKeysSha256,
  });
  const records = deliveryRecords(cluster.storeFile);
  const { calls } = cluster.receiver;
  const delivered = cluster.workers.length > 0 ? decided.forPeople : [];
  differences.push(...deliveryFaults(delivered, records, calls));
  return {
    expected: ids.length,
    stored: stored.length,
    triggers: decided.scopes.length,
    deliveries: records.size,
    calls: calls.length,
    messages: compareLists(ids, stored),
    raises: unordered(compareLists(scopes, decided.scopes)),
    differences,
  };
}

/** Ids in the stream, in its order; the plain client, no code of the product's. */
export async function storedIds(url: string, stream = 'TOCSIN'): Promise<readonly string[]> {
  const client = await connect({ servers: url });
  try {
    const manager = await client.jetstreamManager();
    const { state } = await manager.streams.info(stream);
    const ids: string[] = [];
    if (state.messages === 0) return ids;
    const consumer = await client.jetstream().consumers.get(stream, { headers_only: true });
    const feed = await consumer.consume({ max_messages: 5_000 });
    for await (const message of feed) {
      ids.push(message.headers?.get('ce-id') ?? '');
      if (message.seq >= state.last_seq) break;
    }
    await feed.close();
    return ids;
  } finally {
    await client.close();
  }
}

/** What is wrong with a state file, row by row; `right` when nothing is. */
export function readModelFault(file: string, { messages, verdicts, events }: Decided): string {
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    const rows = db
      .prepare(
        `SELECT event, verdict, basis, message_id AS messageId, sequence AS ordinal
         FROM verdicts ORDER BY position_commit, position_prepare, rowid`,
      )
      .all();
    if (rows.length !== verdicts.length) return `${rows.length} verdicts of ${verdicts.length}`;
    for (const [index, expected] of verdicts.entries()) {
      const row = JSON.stringify({ ...rows[index] });
      if (row !== JSON.stringify(expected)) return `${row}, not ${JSON.stringify(expected)}`;
    }
    const recent = db.prepare('SELECT sequence, id FROM recent_messages ORDER BY sequence').all();
    for (const { sequence, id } of recent) {
      if (messages[Number(sequence) - 1]?.id !== id) return `recent message ${String(sequence)}`;
    }
    const sent = db.prepare('SELECT count(*) AS n FROM sent_notifications').get()?.['n'];
    const published = verdicts.filter(({ verdict }) => verdict === 'published').length;
    if (sent !== published) return `${String(sent)} sent notifications of ${published}`;
    const checkpoint = db.prepare('SELECT sequence, triggered FROM checkpoint').get();
    if (checkpoint?.['sequence'] !== messages.length) return `checkpoint of ${events} events`;
    return 'right';
  } finally {
    db.close();
  }
}

/** The verdicts by replay, as the command line tells them. */
async function replayed({ folder, env, storeFile }: Cluster): Promise<object> {
  const args = [main, 'audit', 'replay', '--store', `embedded:${storeFile}`, '--json'];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder, env });
  const answer = JSON.parse(stdout) as Record<string, unknown>;
  const { triggers, published, suppressed, parked, dedupeKeysSha256 } = answer;
  return { triggers, published, suppressed, parked, dedupeKeysSha256 };
}

/** Raises of different users have no order among themselves. */
function unordered(difference: Difference): Difference {
  const examples = difference.examples.filter((text) => !text.startsWith('reordered'));
  return { ...difference, reordered: 0, examples };
}
