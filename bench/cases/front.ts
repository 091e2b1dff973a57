// `front-raise` and `front-project`: the product through `tocsin store`, in a process of its own, against
// what the official client alone gets out of the same server.
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { eventStoreDb } from '../../src/adapters/eventstore/esdb/store.ts';
import { jetStreamOutput } from '../../src/adapters/nats/output.ts';
import { startNatsServer } from '../../src/adapters/nats/server.ts';
import { sqliteReadModel } from '../../src/adapters/sqlite/read-model.ts';
import type { Kept } from '../../src/cli/compose/keep-running.ts';
import { startStoreProcess } from '../../src/cli/compose/store-process.ts';
import { openProjector } from '../../src/kernel/open-projector.ts';
import { officialAppends, readyAppends, type ReadyAppend } from '../limits/official-appends.ts';
import { officialReads } from '../limits/official-reads.ts';
import { shown, type Report, type Surroundings } from '../support/bench.ts';
import { alternate, type Measured, type Paired } from '../support/rounds.ts';
import { fillStore, IN_FLIGHT, raiseInto } from '../support/store.ts';

export async function benchFrontRaise({ sizes, folder, say }: Surroundings): Promise<Report> {
  const { rounds, requests } = sizes;
  let ready: readonly ReadyAppend[] | undefined;
  const product = async (): Promise<Measured> => {
    await using server = await serverIn(join(folder, 'product'));
    await using store = eventStoreDb({ connectionString: server.url });
    const measured = await raiseInto(store, requests);
    ready ??= await readyAppends(store);
    return measured;
  };
  const limit = async (): Promise<Measured> => {
    await using server = await serverIn(join(folder, 'limit'));
    return await officialAppends(server.url, ready ?? [], IN_FLIGHT);
  };
  const paired = await alternate(rounds, { product, limit }, (n) => {
    say(`front-raise, round ${n} of ${rounds}`);
  });
  return {
    case: 'front-raise',
    figures: { unit: 'raises/s', requests, inFlight: IN_FLIGHT, ...paired },
    targets: [{ what: 'raise / bare appendToStream', reached: paired.ratio.median, atLeast: 0.8 }],
    lines: linesOf(paired, 'kernel.raiseAll through the front', 'bare appendToStream', 'raises/s'),
  };
}

export async function benchFrontProject({ sizes, folder, say }: Surroundings): Promise<Report> {
  const { rounds, requests } = sizes;
  const log = join(folder, 'log.db');
  say('front-project: filling the log');
  await fillStore(log, requests);
  const round = join(folder, 'round');
  let server: Kept | undefined;
  const product = async (): Promise<Measured> => {
    await server?.[Symbol.asyncDispose]();
    server = await serverIn(round, log);
    return project(server.url, round, requests);
  };
  const limit = (): Promise<Measured> => officialReads(server?.url ?? '');
  const paired = await alternate(rounds, { product, limit }, (n) => {
    say(`front-project, round ${n} of ${rounds}`);
  });
  await server?.[Symbol.asyncDispose]();
  return {
    case: 'front-project',
    figures: { unit: 'events/s', events: requests * 3, ...paired },
    targets: [{ what: 'projector / bare read loop', reached: paired.ratio.median, atLeast: 0.4 }],
    lines: linesOf(
      paired,
      'projector through the front, every event published',
      'bare readAll of the official client',
      'events/s',
    ),
  };
}

/** A server in a new folder, with a copy of a log; default: with an empty one. */
export async function serverIn(folder: string, log?: string): Promise<Kept> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  const file = join(folder, 'store.db');
  if (log !== undefined) await copyFile(log, file);
  return startStoreProcess(`embedded:${file}`, { withToken: false });
}

/** From an empty state to the log's head, into a NATS server of its own. */
export async function project(url: string, folder: string, requests: number): Promise<Measured> {
  await using nats = await startNatsServer({ storeDir: join(folder, 'nats') });
  return await projectThrough(url, nats.url, join(folder, 'state.db'), requests);
}

/** From an empty state to the log's head. */
export async function projectThrough(
  url: string,
  servers: string,
  file: string,
  requests: number,
): Promise<Measured> {
  await using store = eventStoreDb({ connectionString: url });
  using state = sqliteReadModel({ file });
  const projector = openProjector({ store, state, output: jetStreamOutput({ servers }) });
  const begun = performance.now();
  const { events, published } = await projector.once();
  const seconds = (performance.now() - begun) / 1000;
  if (published !== requests) throw new Error(`${published} published, not ${requests}`);
  return { units: events, seconds };
}

/** What is measured, what it is compared with, and the ratio. */
export function linesOf(
  { product, limit, ratio, rounds }: Paired,
  own: string,
  bare: string,
  unit: string,
) {
  const width = Math.max(own.length, bare.length) + 2;
  return [
    `${own.padEnd(width)}${shown(product.median)} ${unit}`,
    `${bare.padEnd(width)}${shown(limit.median)} ${unit}`,
    `ratio ${shown(ratio.median, 3)} (${shown(ratio.min, 3)} to ${shown(ratio.max, 3)} over ${rounds} rounds)`,
  ];
}
