// `peers`: the product against what people use instead, on the same work, disk and servers, in one interleaved run.
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { embeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { jetStreamOutput } from '../../src/adapters/nats/output.ts';
import { startNatsServer } from '../../src/adapters/nats/server.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import type { OutputMessage } from '../../src/projections/output.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { barePublisher, type ReadyMessage } from '../limits/bare-publisher.ts';
import { bareInserts, readRows, type Row } from '../limits/bare-inserts.ts';
import { durableInserts, medianMs } from '../peers/durable.ts';
import { killedMidway } from '../peers/killed.ts';
import { fillOutbox, outboxInserts, outboxRelay } from '../peers/outbox.ts';
import { shown, type Report, type Surroundings, type Target } from '../support/bench.ts';
import { barChart } from '../support/bar-chart.ts';
import { raiseInputs } from '../support/inputs.ts';
import { interleave, type Contender, type Interleaved } from '../support/interleave.ts';
import { createStream, deleteStream, noting, ready, STREAM } from '../support/messages.ts';
import type { Spread } from '../support/rounds.ts';
import { fillStore } from '../support/store.ts';
import { frontContenders } from './peers-front.ts';
import { project } from './project.ts';

/** More than this makes a run longer, not steadier. */
const MOST_REQUESTS = 3_000;
const MOST_ROUNDS = 5;
/** Calls of a latency. */
const CALLS = 200;

type Prepared = { readonly rows: readonly Row[]; readonly messages: readonly ReadyMessage[] };

export async function benchPeers({ sizes, folder, say }: Surroundings): Promise<Report> {
  const requests = Math.min(sizes.requests, MOST_REQUESTS);
  const rounds = Math.min(sizes.rounds, MOST_ROUNDS);
  await using server = await startNatsServer({ storeDir: join(folder, 'nats') });
  say('peers: filling the log');
  const prepared = await prepare(folder, server.url, requests);
  const contenders = new Map<string, Contender>([
    ...raiseContenders(folder, requests, prepared),
    ...projectContenders(folder, server.url, requests, prepared),
    ...(await frontContenders(folder, server.url, requests)),
  ]);
  const found = await interleave(rounds, contenders, (text) => {
    say(`peers, ${text}`);
  });
  say('peers: killed midway');
  const killed = await countKilled(folder, server.url, prepared.messages);
  return report(found, rounds, requests, killed);
}

/** A log, its rows, and the messages that a projector sends for it. */
async function prepare(folder: string, url: string, requests: number): Promise<Prepared> {
  const log = join(folder, 'log.db');
  await fillStore(log, requests);
  const rows = await readRows(log);
  const sent: OutputMessage[] = [];
  const round = await emptyRound(folder);
  await copyFile(log, join(round, 'log.db'));
  await project(round, noting(jetStreamOutput({ servers: url, stream: STREAM }), sent), requests);
  await deleteStream(url);
  return { rows, messages: sent.map(ready) };
}

function raiseContenders(
  folder: string,
  requests: number,
  { rows }: Prepared,
): readonly (readonly [string, Contender])[] {
  const inputs = [...raiseInputs(requests)];
  const fresh = async (name: string): Promise<string> => join(await emptyRound(folder), name);
  const calls = Math.min(CALLS, requests);
  return [
    [
      'raise',
      async () => {
        const { units, seconds } = await fillStore(await fresh('store.db'), requests);
        return units / seconds;
      },
    ],
    ['outbox', async () => requests / outboxInserts(await fresh('outbox.db'), inputs)],
    ['bare inserts', async () => requests / bareInserts(await fresh('bare.db'), rows)],
    [
      'one raise, ms',
      async () => {
        await using store = await embeddedStore({ file: await fresh('store.db') });
        await using kernel = await openKernel({ ...scheduleProduct, store });
        return await medianMs(raiseInputs(calls), (input) => kernel.raise(input));
      },
    ],
    [
      'one durable insert, ms',
      async () => durableInserts(await fresh('bare.db'), rows.slice(0, calls * 3), calls),
    ],
  ];
}

function projectContenders(
  folder: string,
  url: string,
  requests: number,
  { messages }: Prepared,
): readonly (readonly [string, Contender])[] {
  return [
    [
      'projector',
      async () => {
        const round = await emptyRound(folder);
        await copyFile(join(folder, 'log.db'), join(round, 'log.db'));
        const output = jetStreamOutput({ servers: url, stream: STREAM });
        const seconds = await project(round, output, requests);
        await deleteStream(url);
        return messages.length / seconds;
      },
    ],
    [
      'outbox relay',
      async () => {
        const file = join(await emptyRound(folder), 'outbox.db');
        fillOutbox(file, messages);
        await createStream(url);
        const seconds = await outboxRelay(url, file);
        await deleteStream(url);
        return messages.length / seconds;
      },
    ],
    [
      'fenced publisher',
      async () => {
        await createStream(url);
        const seconds = await barePublisher(url, STREAM, messages);
        await deleteStream(url);
        return messages.length / seconds;
      },
    ],
  ];
}

async function countKilled(folder: string, url: string, messages: readonly ReadyMessage[]) {
  const round = await emptyRound(folder);
  fillOutbox(join(round, 'outbox.db'), messages);
  const of = { url, folder: round, stream: STREAM, messages: messages.length };
  const outbox = await killedMidway('outbox', of);
  await copyFile(join(folder, 'log.db'), join(round, 'log.db'));
  return { outbox, tocsin: await killedMidway('tocsin', of) };
}

async function emptyRound(folder: string): Promise<string> {
  const round = join(folder, 'round');
  await rm(round, { recursive: true, force: true });
  await mkdir(round);
  return round;
}

/** What is compared, in the order of the report. */
const COMPARED = [
  ['raise', 'outbox', 'raise, 64 in flight / outbox table', { atLeast: 1 }],
  [
    'raise',
    'bare inserts',
    'raise, 64 in flight / bare inserts of the same bytes',
    { atLeast: 0.5 },
  ],
  [
    'one raise, ms',
    'one durable insert, ms',
    'one raise at a time / durable insert, p50 time',
    { below: 2.5 },
  ],
  ['projector', 'outbox relay', 'projector / outbox relay', { atLeast: 1 }],
  ['projector', 'fenced publisher', 'projector / raw fenced publisher', { atLeast: 0.4 }],
  [
    'raise through the front',
    'hand-written append',
    'raise through the front / hand-written read and append',
    { atLeast: 1.2 },
  ],
  [
    'projector through the front',
    'hand-written publish',
    'projector through the front / hand-written subscribe and publish',
    { atLeast: 1.5 },
  ],
] as const;

function report(
  found: Interleaved,
  rounds: number,
  requests: number,
  killed: Awaited<ReturnType<typeof countKilled>>,
): Report {
  const ratios: Record<string, Spread> = {};
  const targets: Target[] = [];
  const lines = COMPARED.map(([own, peer, what, bound]) => {
    const ratio = found.ratio(own, peer);
    ratios[what] = ratio;
    targets.push({ what, reached: ratio.median, ...bound });
    const unit = own.endsWith('ms') ? 'ms' : '/s';
    const digits = unit === 'ms' ? 2 : 0;
    const figures = [own, peer].map((name) => shown(found.median(name), digits) + unit);
    const spread = `${shown(ratio.min, 2)} to ${shown(ratio.max, 2)}`;
    const cpu = shown(found.cpuRatio(own, peer).median, 1);
    return `${what.padEnd(66)} ${shown(ratio.median, 2)} (${spread}; ${figures.join(' : ')}; CPU ${cpu} times)`;
  });
  const counted = Object.entries(killed).map(
    ([name, { lost, doubled }]) =>
      `${name} killed three times midway: ${lost} lost, ${doubled} doubled`,
  );
  return {
    case: 'peers',
    figures: { rounds, requests, ratios, killed },
    targets,
    lines: [...lines, ...counted],
    document: 'docs/benchmarks.md',
    picture: barChart(targets),
  };
}
