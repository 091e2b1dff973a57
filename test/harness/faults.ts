// Disturbs a cluster. Each sequence of faults has one victim and its own seeded random numbers. The sequences
// run at the same time, so faults overlap. Each fault undoes what it changes.
import { execFileSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isOver } from '../../src/domain/core/signals.ts';
import type { Cluster, ProjectorSeat, RaiserSeat, WorkerSeat } from './cluster.ts';
import type { Load } from './load.ts';
import type { Direction, Proxy } from './proxy.ts';
import { Supervised } from './supervised.ts';

/** Counts of the faults. */
export type FaultCounts = {
  readonly byKind: Record<string, number>;
  kills: number;
  /** Kills while a publish or a raise of the victim was unanswered. */
  killsUnacknowledged: number;
};

export type FaultContext = {
  readonly cluster: Cluster;
  readonly load: Load;
  readonly counts: FaultCounts;
  /** Names of processes whose writes fail now: they may end by themselves. */
  readonly failing: Set<string>;
  /** Records a failure of the run. */
  readonly fail: (what: string) => void;
  readonly note: (what: string) => void;
  /** Called when a fault begins and when it ends. */
  readonly trace: (what: string) => void;
};

type Chance = () => number;
type Fault = { readonly kind: string; readonly weight: number; readonly run: () => Promise<void> };

export type FaultSequence = {
  readonly name: string;
  /** Mean time from a working victim to the next fault. */
  readonly meanMs: number;
  readonly ready: () => boolean;
  /** Grows while the victim works. A fault is worth its time only when there is work to disturb. */
  readonly progress: () => number;
  readonly faults: (random: Chance) => readonly Fault[];
};

/** A restored copy of the stream must not be further behind than what is kept to send again. */
const RESTORE_AT_MOST = 6_000;
const maxReadyMs = 600_000;
/** A worker's lease, with what others wait after it, and more. */
const BEYOND_A_LEASE_MS = 30_000;
/** The next fault of a sequence waits for so much progress, but not longer than this. */
const ENOUGH = 8;
const MAX_IDLE_MS = 15_000;

/** Runs one sequence until the signal is raised, and its last fault is over. */
export async function runFaultSequence(
  sequence: FaultSequence,
  random: Chance,
  { counts, trace, fail }: FaultContext,
  signal: AbortSignal,
): Promise<void> {
  const faults = sequence.faults(random);
  const total = faults.reduce((sum, { weight }) => sum + weight, 0);
  while (!signal.aborted) {
    // The other sequences may keep the victim from getting ready for minutes.
    await within(maxReadyMs, () => isOver(signal) || sequence.ready());
    if (!sequence.ready()) {
      if (!isOver(signal)) fail(`${sequence.name} was not ready within ${maxReadyMs / 1_000} s`);
      return;
    }
    const before = sequence.progress();
    await within(MAX_IDLE_MS, () => isOver(signal) || sequence.progress() >= before + ENOUGH);
    await pause(-Math.log(1 - random()) * sequence.meanMs, signal);
    let at = random() * total;
    const fault = faults.find(({ weight }) => (at -= weight) < 0);
    if (fault === undefined || isOver(signal)) continue;
    counts.byKind[fault.kind] = (counts.byKind[fault.kind] ?? 0) + 1;
    trace(`${sequence.name}: ${fault.kind}`);
    await fault.run();
    trace(`${sequence.name}: ${fault.kind} is over`);
  }
}

/** All fault sequences of a cluster. */
export function faultSequencesOf(context: FaultContext): readonly FaultSequence[] {
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
    natsFaults(context),
    ...projectors.map((seat, index) => projectorFaults(context, seat, index)),
    ...raisers.map((seat, index) => raiserFaults(context, seat, index)),
    ...workers.map((seat, index) => workerFaults(context, seat, index)),
  ];
}

function projectorFaults(context: FaultContext, seat: ProjectorSeat, index: number): FaultSequence {
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

function raiserFaults(
  context: FaultContext,
  { process, toStore }: RaiserSeat,
  index: number,
): FaultSequence {
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

function workerFaults(
  context: FaultContext,
  { process, toStore, toNats }: WorkerSeat,
  index: number,
): FaultSequence {
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

function natsFaults(context: FaultContext): FaultSequence {
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
          // The projector refuses a copy that lacks more than the kept messages; that is not tested here.
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
  const directions: readonly (readonly Direction[])[] = [['up'], ['down'], ['up', 'down']];
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
        proxy.hold(...(directions[Math.floor(random() * directions.length)] ?? []));
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
