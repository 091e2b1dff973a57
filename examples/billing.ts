// An application that reminds people of overdue invoices by e-mail: each invoice once a week, never twice, and it can say
// later why somebody was not told. Its own table and the requests to raise are written in one transaction.
//
//   node examples/billing.ts                         e-mails are printed; a second run within a week prints none
//   DATABASE_URL=postgres://… node examples/billing.ts  invoices in Postgres, if the package `pg` is installed
import { mkdirSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { defineTrigger, notify, openTocsin, relayRaises, type RaiseSource } from '../src/index.ts';

const folder = process.env['DATA'] ?? 'var/billing';
mkdirSync(folder, { recursive: true });

// The application's own data: invoices, and the requests that it writes in the same transaction.
type Rows = readonly Readonly<Record<string, unknown>>[];
type Query = (sql: string, ...values: string[]) => Promise<Rows>;
type Database = { name: string; serial: string; query: Query; end: () => Promise<void> | void };
const database = (await postgres(process.env['DATABASE_URL'])) ?? sqlite(`${folder}/billing.db`);
const { query } = database;
console.log('invoices in', database.name);
await query(`CREATE TABLE IF NOT EXISTS invoices
  (id TEXT PRIMARY KEY, customer TEXT NOT NULL, amount INTEGER NOT NULL, due TEXT NOT NULL)`);
await query(`CREATE TABLE IF NOT EXISTS requests
  (id ${database.serial} PRIMARY KEY, input TEXT NOT NULL, result TEXT)`);
await query(`INSERT INTO invoices VALUES
  ('INV/2026/1', 'auth0|ada', 120, '2026-01-10'), ('INV/2026/2', 'auth0|ada', 80, '2026-01-12'),
  ('INV/2026/3', 'auth0|bob', 990, '2026-01-15') ON CONFLICT DO NOTHING`);

const invoiceOverdue = defineTrigger({
  type: 'invoice_overdue',
  sources: ['nightly_run'],
  targets: ['invoice'],
  payload: z.object({ amount: z.number(), due: z.iso.date() }),
  policy: { kind: 'anchored', windowMs: 7 * 24 * 3_600_000, per: 'target' },
  expiresIn: '3d',
  channel: 'email',
  texts: { title: 'Invoice overdue' },
  link: ({ targetId }) => `/invoices/${encodeURIComponent(targetId)}`,
  evaluate: ({ payload: { amount, due } }) =>
    notify({ summary: `${amount} EUR were due on ${due}.` }),
});

/** The nightly run: one transaction finds the overdue invoices and writes a request for each. */
async function remindOverdue(today: string): Promise<void> {
  await query('BEGIN');
  const overdue = await query('SELECT * FROM invoices WHERE due < $1 ORDER BY id', today);
  for (const { id, customer, amount, due } of overdue) {
    const about = { userId: customer, triggerType: invoiceOverdue.type, targetId: id };
    const input = JSON.stringify({ ...about, payload: { amount, due } });
    await query('INSERT INTO requests (input) VALUES ($1)', input);
  }
  await query('COMMIT');
}

/** What the relay reads and settles: two functions over the application's own table. */
const requests: RaiseSource = {
  name: 'billing',
  async pending(limit) {
    const open = 'SELECT id, input FROM requests WHERE result IS NULL ORDER BY id';
    const rows = await query(`${open} LIMIT ${limit}`);
    return rows.map(({ id, input }) => ({
      key: String(id),
      input: Input.parse(JSON.parse(String(input))),
    }));
  },
  async settled(results) {
    await query('BEGIN');
    const settle =
      'UPDATE requests SET result = $1 WHERE id = CAST($2 AS INTEGER) AND result IS NULL';
    for (const { key, result } of results) await query(settle, JSON.stringify(result), key);
    await query('COMMIT');
  },
};
const word = z.string();
const Input = z.object({ userId: word, triggerType: word, targetId: word, payload: z.json() });

await using tocsin = await openTocsin({
  folder,
  triggers: [invoiceOverdue],
  frontendUrl: 'https://pay.example.com',
  channels: {
    email: {
      lookup: (customer) => customer.replace(/^auth0.(.*)$/, '$1@example.com'),
      send: ({ title, text }, address: string) => {
        console.log(`e-mail to ${address}: ${title}: ${text.replaceAll('\n', ' ')}`);
        return Promise.resolve({ outcome: 'accepted' });
      },
    },
  },
});

const stop = new AbortController();
const running = tocsin.run(stop.signal);
await remindOverdue('2026-01-13');
// The nightly run of the next day: the same invoices are still overdue.
await remindOverdue('2026-01-16');
console.log('relayed', JSON.stringify(await relayRaises(requests, tocsin, { once: true })));
await allDelivered();
stop.abort();
await running;

// Why did nobody get a second e-mail? The log has the answer.
await using audit = tocsin.audit();
const { mismatches, published, suppressed } = await audit.verify();
console.log('verified', JSON.stringify({ published, suppressed, differences: mismatches.length }));
for (const { result } of await query('SELECT result FROM requests ORDER BY id LIMIT 1')) {
  const { triggerId } = z.object({ triggerId: z.string() }).parse(JSON.parse(String(result)));
  console.log((await audit.explain(triggerId)).sentence);
}
await database.end();

/** Waits until every request is decided, and each notification that was let through has ended. */
async function allDelivered(): Promise<void> {
  for (;;) {
    const { triggered, published, suppressed } = tocsin.status().totals;
    const ended = tocsin.deliveries
      .list({ limit: 100 })
      .filter(({ status }) => status !== 'waiting' && status !== 'attempting');
    if (triggered > 0 && triggered === published + suppressed && ended.length === published) return;
    await sleep(20);
  }
}

function sqlite(file: string): Database {
  const db = new DatabaseSync(file);
  const query: Query = async (sql, ...values) =>
    Promise.resolve(db.prepare(sql.replaceAll(/\$\d/g, '?')).all(...values));
  const end = (): void => {
    db.close();
  };
  return { name: 'SQLite', serial: 'INTEGER', query, end };
}

/** A connection to Postgres; nothing without an address, or where its driver is not installed. */
async function postgres(url: string | undefined): Promise<Database | undefined> {
  const driver: string = 'pg';
  const found: unknown = url && (await import(driver).catch(() => undefined));
  const loaded = z.object({ Client: z.custom<new (url?: string) => Client>() }).safeParse(found);
  if (!loaded.success) return undefined;
  const client = new loaded.data.Client(url);
  await client.connect();
  const query: Query = async (sql, ...values) => (await client.query(sql, values)).rows;
  return { name: 'Postgres', serial: 'SERIAL', query, end: () => client.end() };
}

type Client = Record<'connect' | 'end', () => Promise<void>> & {
  query(sql: string, values: string[]): Promise<{ readonly rows: Rows }>;
};
