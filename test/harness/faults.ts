// Disturbs a cluster. Each sequence of faults has one victim and its own seeded random numbers. The sequences
// run at the same time, so faults overlap. Each fault undoes what it changes.
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { isOver } from '../../src/domain/core/signals.ts';
import type { Cluster } from './cluster.ts';
import type { Load } from './load.ts';
import type { Direction, Proxy } from './proxy.ts';
import type { Supervised } from './supervised.ts';

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

export type Chance = () => number;
export type Fault = {
  readonly kind: string;
  readonly weight: number;
  readonly run: () => Promise<void>;
};

export type FaultSequence = {
  readonly name: string;
  /** Mean time from a working victim to the next fault. */
  readonly meanMs: number;
  readonly ready: () => boolean;
  /** Grows while the victim works. A fault is worth its time only when there is work to disturb. */
  readonly progress: () => number;
  readonly faults: (random: Chance) => readonly Fault[];
};

const maxReadyMs = 600_000;
/** A process must end within ten seconds of SIGTERM; the other ten are for a machine that is busy. */
const END_MS = 20_000;
/** What a process did before its fault was over may still end it after that. */
const AFTERMATH_MS = 5_000;
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

export function count({ counts }: FaultContext, owed: number): void {
  counts.kills += 1;
  if (owed > 0) counts.killsUnacknowledged += 1;
}

export async function kill(
  context: FaultContext,
  process: Supervised,
  owed: number,
): Promise<void> {
  if (await process.kill()) count(context, owed);
}

export function killing(
  context: FaultContext,
  weight: number,
  process: Supervised,
  owed: () => number,
): Fault {
  return { kind: 'kill', weight, run: () => kill(context, process, owed()) };
}

export function freezing(
  weight: number,
  process: Supervised,
  random: Chance,
  maxMs: number,
): Fault {
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

export function networkFault(weight: number, proxy: Proxy, random: Chance): Fault {
  const directions: readonly (readonly Direction[])[] = [['up'], ['down'], ['up', 'down']];
  return {
    kind: 'network',
    weight,
    run: async () => {
      const what = random();
      if (what < 0.25) proxy.cut('reset');
      else if (what < 0.5) proxy.cut('torn');
      else {
        proxy.hold(...(directions[Math.floor(random() * directions.length)] ?? []));
        // Sometimes longer than anybody waits for an ack.
        await sleep(random() < 0.3 ? 6_000 : random() * 1_000);
        if (random() < 0.5) proxy.cut('reset');
        proxy.release();
      }
    },
  };
}

/** SIGTERM at a random moment. The process must end by itself, with 0, and is started again. */
export function terminating(
  { fail }: FaultContext,
  weight: number,
  process: Supervised,
  random: Chance,
  clients?: { readonly freeze: () => void; readonly thaw: () => void },
): Fault {
  return {
    kind: clients === undefined ? 'SIGTERM' : 'SIGTERM beside frozen clients',
    weight,
    run: async () => {
      await sleep(random() * 200);
      clients?.freeze();
      const end = await process.terminate(END_MS);
      clients?.thaw();
      if (end !== undefined && end !== 0) fail(`${process.name} after SIGTERM: ${end}`);
    },
  };
}

/** New connections are refused for a while, and those that stand are reset. */
export function refusing(weight: number, proxy: Proxy, random: Chance): Fault {
  return {
    kind: 'connections refused',
    weight,
    run: async () => {
      proxy.refuse(true);
      proxy.cut('reset');
      await sleep(random() * 8_000);
      proxy.refuse(false);
    },
  };
}

/** The process may end by itself during `work`, and for a moment after it. */
export async function mayEnd(
  { failing }: FaultContext,
  name: string,
  work: () => Promise<void>,
): Promise<void> {
  failing.add(name);
  await work();
  setTimeout(() => failing.delete(name), AFTERMATH_MS).unref();
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
export function failingWrites(
  context: FaultContext,
  weight: number,
  process: Supervised,
  random: Chance,
): Fault {
  const { note } = context;
  const { name } = process;
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
    run: () =>
      mayEnd(context, name, async () => {
        limit(String(4096 + Math.floor(random() * 400_000)));
        await sleep(random() * 1_500);
        limit('unlimited');
      }),
  };
}

export async function within(
  ms: number,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await condition()) && performance.now() < deadline) await sleep(5);
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
