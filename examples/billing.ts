// An application that reminds people of overdue invoices by e-mail: each invoice once a week, never twice, and it can say
// later why somebody was not told. Its own table and the requests to raise are written in one transaction.
//
//   node examples/billing.ts          e-mails are printed; a second run within a week prints none
import { mkdirSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { defineTrigger, notify, openTocsin, relayRaises, type RaiseSource } from '../src/index.ts';

const folder = process.env['DATA'] ?? 'var/billing';
mkdirSync(folder, { recursive: true });

// The application's own data: invoices, and the requests that it writes in the same transaction.
const db = new DatabaseSync(`${folder}/billing.db`);
db.exec(`
  PRAGMA journal_mode = WAL;
  CREATE TABLE IF NOT EXISTS invoices (id TEXT PRIMARY KEY, customer TEXT NOT NULL, amount INTEGER NOT NULL, due TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS requests (id INTEGER PRIMARY KEY AUTOINCREMENT, input TEXT NOT NULL, result TEXT);
  INSERT INTO invoices VALUES
    ('INV/2026/1', 'auth0|ada', 120, '2026-01-10'), ('INV/2026/2', 'auth0|ada', 80, '2026-01-12'),
    ('INV/2026/3', 'auth0|bob', 990, '2026-01-15') ON CONFLICT DO NOTHING;`);

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
function remindOverdue(today: string): void {
  db.exec('BEGIN IMMEDIATE');
  const overdue = db.prepare('SELECT * FROM invoices WHERE due < ? ORDER BY id').all(today);
  const write = db.prepare('INSERT INTO requests (input) VALUES (?)');
  for (const { id, customer, amount, due } of overdue) {
    const about = { userId: customer, triggerType: invoiceOverdue.type, targetId: id };
    write.run(JSON.stringify({ ...about, payload: { amount, due } }));
  }
  db.exec('COMMIT');
}

/** What the relay reads and settles: two functions over the application's own table. */
const requests: RaiseSource = {
  name: 'billing',
  pending: (limit) =>
    db
      .prepare('SELECT id, input FROM requests WHERE result IS NULL ORDER BY id LIMIT ?')
      .all(limit)
      .map(({ id, input }) => ({ key: String(id), input: Input.parse(JSON.parse(String(input))) })),
  settled(results) {
    const settle = db.prepare('UPDATE requests SET result = ? WHERE id = ? AND result IS NULL');
    for (const { key, result } of results) settle.run(JSON.stringify(result), key);
  },
};
const Input = z.object({
  userId: z.string(),
  triggerType: z.string(),
  targetId: z.string(),
  payload: z.json(),
});

const addresses = new Map([
  ['auth0|ada', 'ada@example.com'],
  ['auth0|bob', 'bob@example.com'],
]);

await using tocsin = await openTocsin({
  folder,
  triggers: [invoiceOverdue],
  frontendUrl: 'https://pay.example.com',
  channels: {
    email: {
      lookup: (customer) => addresses.get(customer),
      send: ({ title, text }, address: string) => {
        console.log(`e-mail to ${address}: ${title}: ${text.replaceAll('\n', ' ')}`);
        return Promise.resolve({ outcome: 'accepted' });
      },
    },
  },
});

const stop = new AbortController();
const running = tocsin.run(stop.signal);
remindOverdue('2026-01-13');
// The nightly run of the next day: the same invoices are still overdue.
remindOverdue('2026-01-16');
console.log('relayed', JSON.stringify(await relayRaises(requests, tocsin, { once: true })));
await allDelivered();
stop.abort();
await running;

// Why did nobody get a second e-mail? The log has the answer.
await using audit = tocsin.audit();
const { mismatches, published, suppressed } = await audit.verify();
console.log('verified', JSON.stringify({ published, suppressed, differences: mismatches.length }));
for (const { result } of db.prepare('SELECT result FROM requests ORDER BY id LIMIT 1').all()) {
  const { triggerId } = z.object({ triggerId: z.string() }).parse(JSON.parse(String(result)));
  console.log((await audit.explain(triggerId)).sentence);
}

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
