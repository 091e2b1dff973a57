// The limit of audits: every event of a log through the product's own reader, each with its data and
// metadata parsed. Nothing is checked, decided or kept.
import { embeddedReader } from '../../src/adapters/eventstore/embedded/store.ts';
import { eventStoreDb } from '../../src/adapters/eventstore/esdb/store.ts';
import type { ReadableLog } from '../../src/projections/audit/reading/ports.ts';

/** Reads the whole log and tells how many events it holds. */
export async function bareScan(log: ReadableLog): Promise<number> {
  let events = 0;
  for await (const page of log.readAll({ direction: 'forwards', prefixes: [] })) {
    events += page.length;
  }
  return events;
}

// As a process of its own: `bare-scan.ts STORE EVENTS`, to be timed beside the product's commands.
const [, , store, expected] = process.argv;
if (import.meta.main && store !== undefined) {
  await using log = store.startsWith('embedded:')
    ? embeddedReader(store.slice('embedded:'.length))
    : eventStoreDb({ connectionString: store });
  const events = await bareScan(log);
  if (events < Number(expected)) throw new Error(`${events} of ${expected} events`);
}
