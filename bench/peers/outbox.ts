// What people use instead: a transactional outbox. The request and its message are written in one transaction, and a
// relay publishes what is unsent and notes it after the acknowledgement. A crash between the two sends again.
import { DatabaseSync } from 'node:sqlite';
import { connect, type NatsConnection } from 'nats';
import type { ReadyMessage } from '../limits/bare-publisher.ts';
import type { RaiseInput } from '../../src/domain/trigger/commands.ts';

/** Raises of one transaction: as many as the product has in flight. */
const ROWS_PER_TRANSACTION = 64;
/** What a relay reads at a time, and what it has in flight. */
const PAGE = 500;
export const RELAY_IN_FLIGHT = 1_000;

export function openOutbox(file: string): DatabaseSync {
  const db = new DatabaseSync(file);
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000');
  db.exec(
    `CREATE TABLE IF NOT EXISTS requests (
       id INTEGER PRIMARY KEY, user TEXT NOT NULL, type TEXT NOT NULL, target TEXT NOT NULL,
       window INTEGER NOT NULL, payload TEXT NOT NULL, UNIQUE (user, type, target, window)
     ) STRICT;
     CREATE TABLE IF NOT EXISTS outbox (
       id INTEGER PRIMARY KEY, message TEXT NOT NULL UNIQUE, subject TEXT NOT NULL, body BLOB NOT NULL,
       created INTEGER NOT NULL, sent INTEGER
     ) STRICT;
     CREATE INDEX IF NOT EXISTS unsent ON outbox (id) WHERE sent IS NULL;`,
  );
  return db;
}

/** Writes each request with its message, 64 a transaction; tells the seconds. */
export function outboxInserts(file: string, inputs: readonly RaiseInput[]): number {
  using db = openOutbox(file);
  const request = db.prepare(
    'INSERT INTO requests (user, type, target, window, payload) VALUES (?, ?, ?, ?, ?)',
  );
  const message = db.prepare(
    'INSERT INTO outbox (message, subject, body, created) VALUES (?, ?, ?, ?)',
  );
  const begun = performance.now();
  for (let at = 0; at < inputs.length; at += ROWS_PER_TRANSACTION) {
    db.exec('BEGIN IMMEDIATE');
    for (const input of inputs.slice(at, at + ROWS_PER_TRANSACTION)) {
      const user = String(input.userId);
      const target = `${input.targetType}:${input.targetId}`;
      const window = Math.floor(Date.parse(String(input.requestedAt)) / 1_800_000);
      request.run(user, input.triggerType, target, window, JSON.stringify(input.payload));
      const id = crypto.randomUUID();
      const body = Buffer.from(JSON.stringify({ id, window, ...input }));
      message.run(id, `notification.feishu.requested.${user}`, body, Date.now());
    }
    db.exec('COMMIT');
  }
  return (performance.now() - begun) / 1000;
}

/** Fills an outbox with messages that exist already. */
export function fillOutbox(file: string, messages: readonly ReadyMessage[]): void {
  using db = openOutbox(file);
  const add = db.prepare(
    'INSERT INTO outbox (message, subject, body, created) VALUES (?, ?, ?, ?)',
  );
  db.exec('BEGIN');
  for (const { subject, body } of messages) add.run(crypto.randomUUID(), subject, body, Date.now());
  db.exec('COMMIT');
}

/** Publishes everything unsent with `js.publish`, 1,000 in flight; tells the seconds. */
export async function outboxRelay(url: string, file: string): Promise<number> {
  const client = await connect({ servers: url, noAsyncTraces: true });
  using db = openOutbox(file);
  const begun = performance.now();
  await relay(client, db);
  const seconds = (performance.now() - begun) / 1000;
  await client.close();
  return seconds;
}

async function relay(client: NatsConnection, db: DatabaseSync): Promise<void> {
  const js = client.jetstream();
  const page = db.prepare(
    `SELECT id, message, subject, body FROM outbox WHERE sent IS NULL AND id > ? ORDER BY id LIMIT ${PAGE}`,
  );
  const done = db.prepare('UPDATE outbox SET sent = ? WHERE id BETWEEN ? AND ? AND sent IS NULL');
  const inFlight: Promise<void>[] = [];
  let last = 0;
  for (;;) {
    const rows = page.all(last);
    if (rows.length === 0) break;
    const first = last + 1;
    last = Number(rows.at(-1)?.['id']);
    const end = last;
    const acks = rows.map(({ message, subject, body }) => {
      if (!(body instanceof Uint8Array)) throw new TypeError('a body is bytes');
      return js.publish(String(subject), body, { msgID: String(message) });
    });
    const noted = Promise.all(acks).then(() => {
      done.run(Date.now(), first, end);
    });
    inFlight.push(noted);
    if (inFlight.length * PAGE >= RELAY_IN_FLIGHT) await inFlight.shift();
  }
  await Promise.all(inFlight);
}
