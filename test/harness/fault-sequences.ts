// The faults of each victim of a cluster, and how often they come.
import { cpSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProjectorSeat, RaiserSeat, WorkerSeat } from './cluster.ts';
import {
  count,
  failingWrites,
  freezing,
  kill,
  killing,
  networkFault,
  refusing,
  terminating,
  within,
  type Chance,
  type FaultContext,
  type FaultSequence,
} from './faults.ts';
import { puttingLogBack } from './log-put-back.ts';
import { committedPlace, lastEventPlace } from './observe.ts';
import { Supervised } from './supervised.ts';

/** A restored copy of the stream must not be further behind than what is kept to send again. */
const RESTORE_AT_MOST = 6_000;
/** A worker's lease, with what others wait after it, and more. */
const BEYOND_A_LEASE_MS = 30_000;

/** All fault sequences of a cluster. */
export function faultSequencesOf(context: FaultContext): readonly FaultSequence[] {
  const { cluster, load } = context;
  const { front, projectors, raisers, workers, proxies } = cluster;
  // Connections that nobody reads: what clients leave open when they are frozen.
  const frozenClients = {
    freeze: (): void => {
      for (const proxy of proxies) proxy.hold('up', 'down');
    },
    thaw: (): void => {
      for (const proxy of proxies) proxy.release();
    },
  };
  return [
    {
      name: 'front',
      meanMs: 8_000,
      ready: () => front.isReady,
      progress: () => load.answers,
      faults: (random) => [
        killing(context, 6, front, () => load.inFlight()),
        freezing(2, front, random, 2_000),
        failingWrites(context, 1, front, random),
        terminating(context, 1, front, random),
        terminating(context, 1, front, random, frozenClients),
      ],
    },
    natsFaults(context),
    ...projectors.map((seat) => projectorFaults(context, seat)),
    ...raisers.map((seat, index) => raiserFaults(context, seat, index)),
    ...workers.map((seat) => workerFaults(context, seat)),
  ];
}

function projectorFaults(context: FaultContext, seat: ProjectorSeat): FaultSequence {
  const { process, traffic, toNats, toStore } = seat;
  return {
    name: process.name,
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
      terminating(context, 2, process, random),
      failingWrites(context, 1, process, random),
      networkFault(2, toNats, random),
      networkFault(1, toStore, random),
      refusing(1, toNats, random),
      refusing(1, toStore, random),
      puttingLogBack(context, 1.5, seat, random, () => committedPlace(seat.state)),
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
    name: process.name,
    meanMs: 6_000,
    ready: () => process.isReady,
    progress: () => context.load.answers,
    faults: (random) => [
      killing(context, 6, process, () => context.load.inFlight(index)),
      freezing(1, process, random, 2_000),
      networkFault(2, toStore, random),
      refusing(1, toStore, random),
    ],
  };
}

function workerFaults(context: FaultContext, seat: WorkerSeat): FaultSequence {
  const { process, toStore, toNats } = seat;
  const { receiver } = context.cluster;
  return {
    name: process.name,
    meanMs: 8_000,
    ready: () => process.isReady,
    progress: () => receiver.calls.length,
    faults: (random) => [
      killing(context, 6, process, () => receiver.open()),
      freezing(2, process, random, BEYOND_A_LEASE_MS),
      terminating(context, 2, process, random),
      networkFault(1, toNats, random),
      networkFault(1, toStore, random),
      refusing(1, toNats, random),
      puttingLogBack(context, 1, seat, random, () =>
        lastEventPlace(seat.folder, context.cluster.storeFile),
      ),
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

/** A second projector on the same state file has to go, and say why. */
async function secondStart(
  { cluster, fail }: FaultContext,
  { process, bare }: ProjectorSeat,
): Promise<void> {
  const first = process.starts;
  const ends: string[] = [];
  const second = new Supervised({
    name: 'second projector',
    ready: 'projector started',
    command: bare,
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
