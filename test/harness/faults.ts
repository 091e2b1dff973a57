// What is done to a cluster. Each lane of faults has its victim and its own seeded chances; lanes run
// beside each other, so faults meet. Whatever a fault changes, it changes back.
import { execFileSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isOver } from '../../src/domain/core/signals.ts';
import type { Cluster, ProjectorSeat, RaiserSeat, WorkerSeat } from './cluster.ts';
import type { Load } from './load.ts';
import type { Direction, Proxy } from './proxy.ts';
import { Supervised } from './supervised.ts';

/** What was done, counted. */
export type FaultCounts = {
  readonly byKind: Record<string, number>;
  kills: number;
  /** Kills at a moment when the victim owed, or was owed, an answer. */
  killsUnacknowledged: number;
};

export type FaultContext = {
  readonly cluster: Cluster;
  readonly load: Load;
  readonly counts: FaultCounts;
  /** Names of processes whose writes fail now: they may end by themselves. */
  readonly failing: Set<string>;
  /** What went wrong, in words; each is a failure of the run. */
  readonly fail: (what: string) => void;
  readonly note: (what: string) => void;
  /** Told of each fault when it begins and ends. */
  readonly trace: (what: string) => void;
};

type Chance = () => number;
type Fault = { readonly kind: string; readonly weight: number; readonly run: () => Promise<void> };

export type Lane = {
  readonly name: string;
  /** From when the victim works again to the next fault, on average. */
  readonly meanMs: number;
  readonly ready: () => boolean;
  /** Grows while the victim works: it is given the time to do something that can be disturbed. */
  readonly progress: () => number;
  readonly faults: (random: Chance) => readonly Fault[];
};

/** A restored copy of the stream must not be further behind than what is kept to send again. */
const RESTORE_AT_MOST = 6_000;
const patientMs = 600_000;
/** A worker's lease, with what others wait after it, and more. */
const BEYOND_A_LEASE_MS = 30_000;
/** So much progress, or so long without it, comes before the next fault of a lane. */
const ENOUGH = 8;
const MAX_IDLE_MS = 15_000;

/** Runs one lane until the signal is raised, and its last fault is over. */
export async function runLane(
  lane: Lane,
  random: Chance,
  { counts, trace, fail }: FaultContext,
  signal: AbortSignal,
): Promise<void> {
  const faults = lane.faults(random);
  const total = faults.reduce((sum, { weight }) => sum + weight, 0);
  while (!signal.aborted) {
    // A machine that is busy with other things may take long to start a process; it is waited for.
    await within(patientMs, () => isOver(signal) || lane.ready());
    if (!lane.ready()) {
      if (!isOver(signal)) fail(`${lane.name} was not ready within ${patientMs / 1_000} s`);
      return;
    }
    const before = lane.progress();
    await within(MAX_IDLE_MS, () => isOver(signal) || lane.progress() >= before + ENOUGH);
    await pause(-Math.log(1 - random()) * lane.meanMs, signal);
    let at = random() * total;
    const fault = faults.find(({ weight }) => (at -= weight) < 0);
    if (fault === undefined || isOver(signal)) continue;
    counts.byKind[fault.kind] = (counts.byKind[fault.kind] ?? 0) + 1;
    trace(`${lane.name}: ${fault.kind}`);
    await fault.run();
    trace(`${lane.name}: ${fault.kind} is over`);
  }
}

/** All lanes of a cluster. */
export function lanesOf(context: FaultContext): readonly Lane[] {
  const { cluster, load } = context;
  const { front, projectors, raisers, workers } = cluster;
  return [
    {
      name: 'front',
      meanMs: 8_000,
      ready: () => front.isReady,
      progress: () => load.answers,
      faults: (random) => [
        killing(context, 6, front, () => load.inFlight()),
        freezing(2, front, random, 2_000),
        failingWrites(context, 1, front, 'front', random),
      ],
    },
    natsLane(context),
    ...projectors.map((seat, index) => projectorLane(context, seat, index)),
    ...raisers.map((seat, index) => raiserLane(context, seat, index)),
    ...workers.map((seat, index) => workerLane(context, seat, index)),
  ];
}

function projectorLane(context: FaultContext, seat: ProjectorSeat, index: number): Lane {
  const { process, traffic, toNats, toStore } = seat;
  const name = index === 0 ? 'projector A' : 'projector B';
  return {
    name,
    meanMs: 4_000,
    ready: () => process.isReady,
    progress: () => answered(context),
    faults: (random) => [
      {
        kind: 'kill',
        weight: 8,
        run: async () => {
          await untilUnanswered([seat], random);
          await kill(context, process, traffic.unanswered());
          toNats.release();
        },
      },
      freezing(2, process, random, 4_000),
      failingWrites(context, 1, process, name, random),
      networkFault(2, toNats, random),
      networkFault(1, toStore, random),
      { kind: 'second start', weight: 0.7, run: () => secondStart(context, seat) },
    ],
  };
}

function raiserLane(context: FaultContext, { process, toStore }: RaiserSeat, index: number): Lane {
  return {
    name: `raiser ${index + 1}`,
    meanMs: 6_000,
    ready: () => process.isReady,
    progress: () => context.load.answers,
    faults: (random) => [
      killing(context, 6, process, () => context.load.inFlight(index)),
      freezing(1, process, random, 2_000),
      networkFault(2, toStore, random),
    ],
  };
}

function workerLane(
  context: FaultContext,
  { process, toStore, toNats }: WorkerSeat,
  index: number,
): Lane {
  const { receiver } = context.cluster;
  return {
    name: `worker ${index + 1}`,
    meanMs: 8_000,
    ready: () => process.isReady,
    progress: () => receiver.calls.length,
    faults: (random) => [
      killing(context, 6, process, () => receiver.open()),
      freezing(2, process, random, BEYOND_A_LEASE_MS),
      networkFault(1, toNats, random),
      networkFault(1, toStore, random),
    ],
  };
}

function natsLane(context: FaultContext): Lane {
  const { nats, projectors } = context.cluster;
  const unanswered = (): number =>
    projectors.reduce((sum, { traffic }) => sum + traffic.unanswered(), 0);
  const crash = async (random: Chance): Promise<void> => {
    await untilUnanswered(projectors, random);
    const owed = unanswered();
    await nats.crash();
    count(context, owed);
    for (const { toNats } of projectors) toNats.release();
  };
  return {
    name: 'nats-server',
    meanMs: 1_500,
    ready: () => true,
    progress: () => answered(context),
    faults: (random) => [
      {
        kind: 'kill',
        weight: 6,
        run: async () => {
          await crash(random);
          await nats.restart();
        },
      },
      { kind: 'restart', weight: 1, run: () => nats.restart() },
      {
        kind: 'freeze',
        weight: 2,
        run: async () => {
          nats.freeze();
          await sleep(random() * 7_000);
          nats.thaw();
        },
      },
      {
        kind: 'earlier copy',
        weight: 1,
        run: async () => {
          await crash(random);
          const [store, copy] = [`${nats.folder}/store`, `${nats.folder}/copy`];
          rmSync(copy, { recursive: true, force: true });
          cpSync(store, copy, { recursive: true });
          await nats.restart();
          const before = published(context);
          await sleep(500 + random() * 3_000);
          await crash(random);
          // What is further behind than the kept tail is refused, as it has to be; not of interest here.
          if (published(context) - before < RESTORE_AT_MOST) {
            rmSync(store, { recursive: true });
            cpSync(copy, store, { recursive: true });
          } else context.note('too much was sent since the copy; it was not restored');
          await nats.restart();
        },
      },
    ],
  };
}

const answered = ({ cluster }: FaultContext): number =>
  cluster.projectors.reduce((sum, { traffic }) => sum + traffic.totals().answered, 0);

const published = ({ cluster }: FaultContext): number =>
  cluster.projectors.reduce((sum, { traffic }) => sum + traffic.totals().published, 0);

function count({ counts }: FaultContext, owed: number): void {
  counts.kills += 1;
  if (owed > 0) counts.killsUnacknowledged += 1;
}

async function kill(context: FaultContext, process: Supervised, owed: number): Promise<void> {
  if (await process.kill()) count(context, owed);
}

function killing(
  context: FaultContext,
  weight: number,
  process: Supervised,
  owed: () => number,
): Fault {
  return { kind: 'kill', weight, run: () => kill(context, process, owed()) };
}

/** Most times: until something was published and its answer is held back. */
async function untilUnanswered(seats: readonly ProjectorSeat[], random: Chance): Promise<void> {
  if (random() < 0.15) return;
  const begun = seats.map(({ traffic }) => traffic.totals().published);
  const publishes = (): boolean =>
    seats.some(({ traffic }, index) => traffic.totals().published > (begun[index] ?? 0));
  await within(4_000, publishes);
  for (const { toNats } of seats) toNats.hold('down');
  await within(1_000, () => seats.some(({ traffic }) => traffic.unanswered() > 0));
  await sleep(random() * 50);
}

function freezing(weight: number, process: Supervised, random: Chance, maxMs: number): Fault {
  return {
    kind: 'freeze',
    weight,
    run: async () => {
      process.freeze();
      await sleep(random() * maxMs);
      process.thaw();
    },
  };
}

function networkFault(weight: number, proxy: Proxy, random: Chance): Fault {
  const ways: readonly (readonly Direction[])[] = [['up'], ['down'], ['up', 'down']];
  return {
    kind: 'network',
    weight,
    run: async () => {
      const what = random();
      if (what < 0.25) proxy.cut('reset');
      else if (what < 0.5) proxy.cut('torn');
      else if (what < 0.65) {
        proxy.refuse(true);
        proxy.cut('reset');
        await sleep(random() * 2_000);
        proxy.refuse(false);
      } else {
        proxy.hold(...(ways[Math.floor(random() * ways.length)] ?? []));
        // Sometimes longer than anybody waits for an ack.
        await sleep(random() < 0.3 ? 6_000 : random() * 1_000);
        if (random() < 0.5) proxy.cut('reset');
        proxy.release();
      }
    },
  };
}

/** True where a running process's largest file can be set. */
export const canFailWrites = ((): boolean => {
  try {
    execFileSync('prlimit', ['--pid', String(process.pid), '--fsize'], { stdio: 'ignore' });
    return true;
  } catch {
    // No such program here; the run says so.
    return false;
  }
})();

/** No file of the process may grow: its writes fail as on a full disk, half of them in the middle. */
function failingWrites(
  { failing, note }: FaultContext,
  weight: number,
  process: Supervised,
  name: string,
  random: Chance,
): Fault {
  const limit = (size: string): void => {
    try {
      execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${size}:`], {
        stdio: 'ignore',
      });
    } catch {
      note(`${name} was gone before its limit could be set`);
    }
  };
  return {
    kind: 'failing writes',
    weight: canFailWrites ? weight : 0,
    run: async () => {
      failing.add(name);
      limit(String(4096 + Math.floor(random() * 400_000)));
      await sleep(random() * 1_500);
      limit('unlimited');
      // What it read before it could write again may still end it.
      setTimeout(() => failing.delete(name), 5_000).unref();
    },
  };
}

/** A second projector on the same state file has to go, and say why. */
async function secondStart(
  { cluster, fail }: FaultContext,
  { process, command }: ProjectorSeat,
): Promise<void> {
  const first = process.starts;
  const ends: string[] = [];
  const second = new Supervised({
    name: 'second projector',
    ready: 'projector started',
    command,
    cwd: cluster.folder,
    env: cluster.env,
    onUnexpectedEnd: ({ code, said }) => {
      ends.push(`${code ?? 'signal'} ${said.join(' ')}`);
    },
  });
  second.start();
  await within(8_000, () => ends.length > 0 || second.isReady || process.starts !== first);
  await second.stop(1_000);
  const [end] = ends;
  // Its first may have been killed meanwhile, and then the file was free.
  if (process.starts === first && end !== undefined && !/^4 .*in use/.test(end)) {
    fail(`a second projector on one state file: ${end}`);
  }
}

async function within(ms: number, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + ms;
  while (!condition() && performance.now() < deadline) await sleep(5);
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
