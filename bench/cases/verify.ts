// `verify`: log, read model and stream against each other, and `replay` beside it, on both stores. The
// limits are bare reads in the same process: of the log alone, and of all that verify has to read.
import { join } from 'node:path';
import { embeddedReader } from '../../src/adapters/eventstore/embedded/store.ts';
import { eventStoreDb } from '../../src/adapters/eventstore/esdb/store.ts';
import { jetStreamReader } from '../../src/adapters/nats/reader.ts';
import { startNatsServer } from '../../src/adapters/nats/server.ts';
import {
  openReadModelReader,
  temporaryReadModel,
  type SqliteReadModelReader,
} from '../../src/adapters/sqlite/read-model.ts';
import { startStoreProcess } from '../../src/cli/compose/store-process.ts';
import { createAudit, type Audit } from '../../src/kernel/create-audit.ts';
import type { MessageReader, ReadableLog } from '../../src/projections/audit/reading/ports.ts';
import { bareScan } from '../limits/bare-scan.ts';
import { shown, type Report, type Surroundings, type Target } from '../support/bench.ts';
import { alternate, type Measured, type Paired } from '../support/rounds.ts';
import { fillStore, projectInto } from '../support/store.ts';

/** What has to be reached, as a share of the bare reads' speed. */
const SHARE = 0.4;

/** A way to the log, and what lies beside it. */
type Sources = {
  readonly log: ReadableLog;
  readonly state: SqliteReadModelReader;
  readonly messages: MessageReader;
};

export async function benchVerify({ sizes, folder, say }: Surroundings): Promise<Report> {
  const { rounds, requests } = sizes;
  const files = { store: join(folder, 'verify.db'), state: join(folder, 'verify-state.db') };
  say('verify: filling log, read model and stream');
  await fillStore(files.store, requests);
  await using server = await startNatsServer({ storeDir: join(folder, 'nats-verify') });
  await projectInto(files, server.url);
  await using messages = await jetStreamReader({ servers: server.url });
  using state = openReadModelReader(files.state, { snapshot: true });
  const paired = (what: string, product: () => Promise<number>, limit: () => Promise<number>) =>
    alternate(rounds, { product: timed(product), limit: timed(limit) }, (n) => {
      say(`verify: ${what}, round ${n} of ${rounds}`);
    });
  const on = async (store: string, log: ReadableLog): Promise<Stored> => {
    const sources = { log, state, messages };
    const audit = createAudit({ ...sources, scratch: temporaryReadModel });
    const scan = () => bareScan(log);
    const replayed = async () => (await audit.replay()).events;
    const replay = await paired(`replay, ${store}`, replayed, scan);
    const verify = await paired(`verify, ${store}`, () => verified(audit), scan);
    const all = await paired(
      `all, ${store}`,
      () => verified(audit),
      () => readAll(sources),
    );
    return { store, replay, verify, all };
  };
  await using file = embeddedReader(files.store);
  const embedded = await on('embedded', file);
  await using process = await startStoreProcess(`embedded:${files.store}`);
  await using client = eventStoreDb({ connectionString: process.url });
  const overGrpc = await on('EventStoreDB', client);
  return {
    case: 'verify',
    figures: { unit: 'events/s', events: requests * 3, embedded, overGrpc },
    targets: [
      reached('replay, embedded: share of a bare scan', embedded.replay),
      reached('replay, EventStoreDB: share of a bare scan', overGrpc.replay),
      reached('verify, EventStoreDB: share of a bare scan', overGrpc.verify),
      reached('verify, embedded: share of bare reads of all that it reads', embedded.all),
    ],
    lines: [embedded, overGrpc].flatMap(linesOf),
  };
}

type Stored = { readonly store: string } & Readonly<Record<'replay' | 'verify' | 'all', Paired>>;

function timed(work: () => Promise<number>): () => Promise<Measured> {
  return async () => {
    const begun = performance.now();
    const units = await work();
    return { units, seconds: (performance.now() - begun) / 1000 };
  };
}

async function verified(audit: Audit): Promise<number> {
  const { events, mismatches } = await audit.verify();
  if (mismatches.length > 0) throw new Error('what nobody touched has differences');
  return events;
}

/** Every event, every row of the two long tables and every message, one after the other. */
async function readAll({ log, state, messages }: Sources): Promise<number> {
  const events = await bareScan(log);
  let others = 0;
  for (const _ of state.verdicts()) others += 1;
  for (const _ of state.sentNotifications()) others += 1;
  const info = await messages.info();
  for await (const batch of messages.messages(1n, info?.lastSequence ?? 0n)) others += batch.length;
  if (others < events) throw new Error(`${others} rows and messages beside ${events} events`);
  return events;
}

function reached(what: string, { ratio }: Paired): Target {
  return { what, reached: ratio.median, atLeast: SHARE };
}

function linesOf({ store, replay, verify, all }: Stored): readonly string[] {
  const line = (what: string, { product, limit, ratio }: Paired, of: string): string =>
    `${store.padEnd(12)}  ${what}  ${shown(product.median)} of ${shown(limit.median)} events/s of ${of}, ratio ${shown(ratio.median, 3)} (${shown(ratio.min, 3)} to ${shown(ratio.max, 3)})`;
  return [
    line('replay', replay, 'a bare scan'),
    line('verify', verify, 'a bare scan'),
    line('verify', all, 'bare reads of log, read model and stream'),
  ];
}
