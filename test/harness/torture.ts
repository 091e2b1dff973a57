// Raises at load while processes are killed, ended, frozen, restarted and started twice, connections are cut, held and
// refused, writes fail, and the output's disk and the log go back in time; then everything is compared.
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerVersion } from '../../src/adapters/eventstore/front/server-version.ts';
import { deliveryRecords } from '../oracle/delivery-oracle.ts';
import { decideLog } from '../oracle/log-oracle.ts';
import { seededRandom } from '../support/random.ts';
import { until, untilStalled } from '../support/until.ts';
import { startCluster, type Cluster } from './cluster.ts';
import { faultSequencesOf } from './fault-sequences.ts';
import { canFailWrites, runFaultSequence, type FaultContext, type FaultCounts } from './faults.ts';
import { Load, type Outcomes } from './load.ts';
import { committedSequence, lastSequence } from './observe.ts';
import { watchReadiness } from './watch-readiness.ts';
import { moody } from './receiver.ts';
import { verify, type Verification } from './verify.ts';

export type TortureOptions = {
  readonly seconds: number;
  readonly seed: number;
  /** Raises a second. Default 40. */
  readonly rate?: number;
  /** Delivery workers. Default 2. */
  readonly workers?: number;
  /** The version of EventStoreDB that the front imitates. Default: none. */
  readonly like?: ServerVersion | undefined;
  readonly note?: (what: string) => void;
  /** Called when a fault begins and when it ends. */
  readonly trace?: (what: string) => void;
  /** Ends the faults early; everything is compared all the same. */
  readonly signal?: AbortSignal;
};

export type TortureResult = Verification & {
  readonly faults: number;
  readonly counts: FaultCounts;
  readonly outcomes: Outcomes;
  /** Ends of processes that nobody asked for, refusals, unclean stops. */
  readonly failures: readonly string[];
  /** Failing writes could not be tried here. */
  readonly skipped: readonly string[];
};

const TICK_MS = 20;
const MAX_BACKLOG = 200;
/** A worker that took over from a killed worker waits for its lease and for the backoff of its attempts. */
const DELIVERY_STALL_MS = 120_000;

/** Runs once. The same seed gives the same lines and the same sequences of faults, at other moments. */
export async function torture(options: TortureOptions): Promise<TortureResult> {
  const { seconds, seed, rate = 40, workers = 2, like } = options;
  const { note = () => undefined, trace = () => undefined } = options;
  const counts: FaultCounts = { byKind: {}, kills: 0, killsUnacknowledged: 0 };
  const failures: string[] = [];
  const failing = new Set<string>();
  const load = new Load(seededRandom(seed));
  const roles = seededRandom(seed + 1);
  const fail = (what: string): void => {
    failures.push(what);
    note(`FAILURE ${what}`);
  };
  await using cluster = await startCluster({
    load,
    workers,
    like,
    answers: moody(seed),
    startsAsStandby: () => roles() < 0.05,
    onUnexpectedEnd: ({ name, code, signal, said }) => {
      const what = `${name} ended by itself (${code ?? signal ?? ''}): ${said.slice(-12).join(' ')}`;
      if (failing.has(name)) note(what);
      else fail(what);
    },
  });
  const context: FaultContext = { cluster, load, counts, failing, fail, note, trace };
  await until('the first messages', () => hasBegun(cluster, load));

  const stop = new AbortController();
  const sequences = faultSequencesOf(context).map((sequence, index) =>
    runFaultSequence(sequence, seededRandom(seed * 1_000 + index), context, stop.signal),
  );
  const feeding = feed(load, rate, stop.signal);
  const reporting = report(context, seconds, note, stop.signal);
  const watching = watchReadiness(context, stop.signal);
  const over = sleep(seconds * 1_000, undefined, { signal: options.signal }).catch(() => undefined);
  await Promise.race([over, ...sequences]);
  stop.abort();
  await Promise.all([...sequences, feeding, reporting, watching]);
  note(`over; settling ${load.backlog} raises`);

  await heal(cluster);
  await settle(cluster, load, fail);
  for (const { process } of [...cluster.raisers, ...cluster.workers, ...cluster.projectors]) {
    const code = await process.stop();
    if (code !== 0) fail(`a process did not stop as it should: ${code ?? 'killed'}`);
  }
  const frontCode = await cluster.front.stop();
  if (frontCode !== 0) fail(`the front did not stop as it should: ${frontCode ?? 'killed'}`);
  const verification = await verify(cluster, load);
  const faults = Object.values(counts.byKind).reduce((sum, n) => sum + n, 0);
  const skipped = canFailWrites ? [] : ['failing writes: there is no prlimit here'];
  return { ...verification, faults, counts, outcomes: load.outcomes, failures, skipped };
}

/** True when nothing differs and nothing failed. */
export function isClean(result: TortureResult): boolean {
  return isSame(result) && result.failures.length === 0;
}

/** True when everything is as it has to be. */
export function isSame({ messages, raises, differences }: Verification): boolean {
  const off = [messages, raises].some(
    ({ lost, duplicated, reordered, strange }) => lost + duplicated + reordered + strange > 0,
  );
  return !off && differences.length === 0;
}

/** The last line of a run. */
export function summaryOf(result: TortureResult): string {
  const { faults, counts, expected, messages, raises, differences, failures } = result;
  const both = (what: 'lost' | 'duplicated' | 'reordered'): number => messages[what] + raises[what];
  return (
    `faults ${faults}, kills ${counts.kills} (${counts.killsUnacknowledged} while unacknowledged), ` +
    `expected ${expected}, lost ${both('lost')}, duplicated ${both('duplicated')}, ` +
    `reordered ${both('reordered')}, other differences ${differences.length + failures.length}`
  );
}

function hasBegun(cluster: Cluster, load: Load): boolean {
  if (load.fed < 50) load.feed();
  return cluster.projectors.some(({ traffic }) => traffic.totals().answered > 10);
}

/** Feeds so many lines a second, as long as the raisers keep up. */
export async function feed(load: Load, rate: number, signal: AbortSignal): Promise<void> {
  let due = 0;
  let last = performance.now();
  while (!signal.aborted) {
    const now = performance.now();
    due += ((now - last) / 1_000) * rate;
    last = now;
    for (; due >= 1; due -= 1) if (load.backlog < MAX_BACKLOG) load.feed();
    await sleep(TICK_MS);
  }
}

async function report(
  { load, counts, cluster }: FaultContext,
  seconds: number,
  note: (what: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const begun = performance.now();
  while (!signal.aborted) {
    await sleep(10_000, undefined, { signal }).catch(() => undefined);
    const answered = cluster.projectors.map(({ traffic }) => traffic.totals().answered).join('+');
    note(
      `${Math.round((performance.now() - begun) / 1_000)} of ${seconds} s: ${load.fed} lines, ` +
        `${load.backlog} open, ${answered} publishes answered, ${counts.kills} kills ` +
        `(${counts.killsUnacknowledged} while unacknowledged)`,
    );
  }
}

/** Ends every fault that may still be on. */
export async function heal({
  proxies,
  nats,
  front,
  projectors,
  raisers,
  workers,
}: Cluster): Promise<void> {
  for (const proxy of proxies) {
    proxy.release();
    proxy.refuse(false);
  }
  nats.thaw();
  for (const { process } of [...projectors, ...raisers, ...workers]) process.thaw();
  front.thaw();
  await until('all to be up', () => front.isReady);
}

/** Waits until all raises are answered, all messages stored and committed, and all deliveries ended. */
export async function settle(
  cluster: Cluster,
  load: Load,
  fail: (what: string) => void,
): Promise<void> {
  const open = (): number => load.backlog;
  const isAnswered = (): boolean => {
    load.settle();
    return load.isDone;
  };
  const committed = (): readonly number[] =>
    cluster.projectors.map(({ state }) => committedSequence(state));
  try {
    await untilStalled('answers to all raises', open, isAnswered);
    const { messages } = decideLog(cluster.storeFile);
    const stored = (): Promise<number> => lastSequence(cluster.nats.url);
    const isStored = async (): Promise<boolean> => (await stored()) >= messages.length;
    await untilStalled('the stream to hold all messages', stored, isStored);
    const areCommitted = (): boolean =>
      committed().every((sequence) => sequence >= messages.length);
    await untilStalled('both read models', () => committed().join(), areCommitted);
    if (cluster.workers.length === 0) return;
    let undelivered: number | undefined;
    let countMs = 0;
    const haveEnded = async (): Promise<boolean> => {
      // Reading the whole log blocks the proxies, which run in this process, so it is read a fifth of the time.
      await sleep(1_000 + 4 * countMs);
      const begun = performance.now();
      undelivered = countUndelivered(cluster.storeFile);
      countMs = performance.now() - begun;
      return undelivered === 0;
    };
    await untilStalled('every delivery to end', () => undelivered, haveEnded, DELIVERY_STALL_MS);
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error));
  }
}

function countUndelivered(storeFile: string): number {
  const records = deliveryRecords(storeFile);
  return decideLog(storeFile).forPeople.filter((id) => records.get(id)?.end === undefined).length;
}
