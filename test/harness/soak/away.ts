// The broker is away under load: what the projectors hold meanwhile, what raising feels of it, and how fast
// the backlog is drained afterwards, beside backlogs of the same size that came about with NATS there.
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'nats';
import type { Cluster } from '../cluster.ts';
import type { Load } from '../load.ts';
import { feed } from '../torture.ts';
import { drainRate, percentile, type Point } from './figures.ts';
import { metricsOf, type Sample } from './sampling.ts';

export const MOST_MEMORY_MB = 300;
/** Of the rate at which the same backlog was drained before. */
export const LEAST_CATCH_UP = 0.8;
/** Of the rate of raises before. */
const LEAST_RATE = 0.95;
/** As before, but for what a busy machine does to the slowest. */
const latencyLimit = (before: number): number => 2 * before + 20;

const WARM_UP_MS = 30_000;
const PATIENT_SECONDS = 600;
const TICK_MS = 200;

export type Raising = {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
};

/** Before, meanwhile, and after: a busy machine has other things to do at each time. */
type Spans<T, Middle extends string = 'during'> = Readonly<Record<'before' | Middle | 'after', T>>;

export type Away = {
  readonly raising: Spans<Raising>;
  readonly memoryMb: number;
  /** Messages a second: of the backlog that NATS left, and of those beside it. */
  readonly drained: Spans<number, 'away'>;
  /** How long after the broker was back the first message of the backlog was stored. */
  readonly resumedAfterSeconds: number;
  readonly failures: readonly string[];
};

type Parts = {
  readonly cluster: Cluster;
  readonly load: Load;
  readonly rate: number;
  readonly seconds: number;
  readonly samples: readonly Sample[];
  readonly note: (what: string) => void;
};

/** Warms up, drains a backlog, takes the broker away, and drains another. */
export async function brokerAway(parts: Parts): Promise<Away> {
  const { cluster, load, rate, seconds, samples, note } = parts;
  const stop = new AbortController();
  const feeding = feed(load, rate, stop.signal);
  await sleep(WARM_UP_MS);

  const first = await drainWithBroker(parts);
  load.takeLatencies();
  const before = await raisingFor(load, WARM_UP_MS, note);
  note(`raising before: ${JSON.stringify(before)}; NATS goes away for ${seconds} s`);
  const begun = samples.length;
  await cluster.nats.stop();
  const during = await raisingFor(load, seconds * 1_000, note);
  note(`raising meanwhile: ${JSON.stringify(during)}; NATS comes back`);
  await cluster.nats.restart();
  const second = await drain(cluster);
  note(`drained at ${second.rate.toFixed(0)} messages a second`);
  const third = await drainWithBroker(parts);
  load.takeLatencies();
  const after = await raisingFor(load, WARM_UP_MS, note);
  stop.abort();
  await feeding;

  const memoryMb = Math.max(...samples.slice(begun).flatMap(projectorMemory));
  const result = {
    raising: { before, during, after },
    memoryMb,
    drained: { before: first, away: second.rate, after: third },
    resumedAfterSeconds: second.resumedAfterSeconds,
  };
  return { ...result, failures: failuresOf(result) };
}

function failuresOf({ raising, memoryMb, drained }: Omit<Away, 'failures'>): string[] {
  const { before, during, after } = raising;
  const usualP99 = Math.max(before.p99, after.p99);
  const usualRate = Math.min(before.perSecond, after.perSecond);
  const usualDrain = Math.min(drained.before, drained.after);
  const checks: [boolean, string][] = [
    [memoryMb < MOST_MEMORY_MB, `a projector held ${memoryMb} MB`],
    [during.perSecond >= LEAST_RATE * usualRate, 'fewer raises were answered'],
    [during.p99 <= latencyLimit(usualP99), `raises took ${during.p99} ms`],
    [drained.away >= LEAST_CATCH_UP * usualDrain, 'the backlog was drained too slowly'],
  ];
  return checks.flatMap(([holds, what]) => (holds ? [] : [what]));
}

/** A backlog of the same size that came about with the projectors stopped, and NATS there. */
async function drainWithBroker({ cluster, load, rate, seconds, note }: Parts): Promise<number> {
  note(`a backlog of ${rate * seconds} raises, with the projectors stopped`);
  for (const { process } of cluster.projectors) await process.stop();
  await burst(load, rate * seconds);
  for (const { process } of cluster.projectors) process.start();
  const { rate: drained } = await drain(cluster);
  note(`drained at ${drained.toFixed(0)} messages a second`);
  return drained;
}

function projectorMemory({ processes }: Sample): readonly number[] {
  return Object.entries(processes).flatMap(([name, { memoryMb }]) =>
    name.startsWith('projector') ? [memoryMb] : [],
  );
}

/** As fast as the raisers take them. */
async function burst(load: Load, count: number): Promise<void> {
  const from = load.fed;
  const enough = new AbortController();
  const feeding = feed(load, 100_000, enough.signal);
  while (load.fed < from + count) await sleep(20);
  enough.abort();
  await feeding;
}

/** A machine that stands still as a whole, as virtual ones do now and then, raises nothing: left out. */
const STOOD_STILL_MS = 5_000;

async function raisingFor(load: Load, ms: number, note: (what: string) => void): Promise<Raising> {
  const answered = load.answers;
  let awake = 0;
  while (awake < ms) {
    const before = performance.now();
    await sleep(TICK_MS);
    const passed = performance.now() - before;
    if (passed < STOOD_STILL_MS) awake += passed;
    else note(`the machine stood still for ${(passed / 1_000).toFixed(0)} s`);
  }
  const took = load.takeLatencies();
  const perSecond = ((load.answers - answered) / awake) * 1_000;
  const rounded = (value: number): number => Math.round(value * 10) / 10;
  return {
    perSecond: rounded(perSecond),
    p50: rounded(percentile(took, 0.5)),
    p99: rounded(percentile(took, 0.99)),
  };
}

/** Watches the stream grow until a projector has caught up with the log. */
async function drain(cluster: Cluster): Promise<{
  readonly rate: number;
  readonly resumedAfterSeconds: number;
}> {
  const client = await connect({ servers: cluster.nats.url });
  const { streams } = await client.jetstreamManager();
  const points: Point[] = [];
  const begun = performance.now();
  let moved: number | undefined;
  const now = (): number => (performance.now() - begun) / 1_000;
  try {
    for (let checks = 0; now() < PATIENT_SECONDS; checks += 1) {
      const { state } = await streams.info('TOCSIN');
      points.push({ seconds: now(), value: state.last_seq });
      if (moved === undefined && state.last_seq > (points[0]?.value ?? 0)) moved = now();
      if (moved !== undefined && checks % 5 === 0 && (await hasCaughtUp(cluster))) break;
      await sleep(50);
    }
  } finally {
    await client.close();
  }
  return { rate: drainRate(points), resumedAfterSeconds: moved ?? Infinity };
}

/** What was caught up before an outage still says so until it goes on; its lag tells. */
async function hasCaughtUp({ projectors }: Cluster): Promise<boolean> {
  const all = await Promise.all(projectors.map(({ status }) => metricsOf(status)));
  return all.some(({ isCaughtUp, lagSeconds = Infinity }) => isCaughtUp && lagSeconds < 2);
}
