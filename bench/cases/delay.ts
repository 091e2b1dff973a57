// `delay`: how long a host's event loop is kept waiting while it raises into an embedded store.
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { embeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { openKernel, type Kernel } from '../../src/kernel/open-kernel.ts';
import { shown, type Report, type Surroundings } from '../support/bench.ts';
import { raiseInputs } from '../support/inputs.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';

/** Timers fire once a millisecond, so an idle loop shows a little more than 1 ms. */
const RESOLUTION_MS = 1;

type Delay = {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly raises: number;
};

export async function benchDelay({ sizes, folder, say }: Surroundings): Promise<Report> {
  const { watchSeconds } = sizes;
  say(`delay: an idle host, then one append in flight, then 64; ${watchSeconds} s each`);
  const idle = await watched(async () => {
    await sleep(watchSeconds * 1000);
    return 0;
  });
  const one = await underLoad(join(folder, 'delay-1.db'), watchSeconds, 1);
  const many = await underLoad(join(folder, 'delay-64.db'), watchSeconds, 64);
  const line = (what: string, { p50, p99, max, raises }: Delay): string =>
    `${what}  p50 ${shown(p50, 1)} ms, p99 ${shown(p99, 1)} ms, most ${shown(max, 1)} ms` +
    (raises === 0 ? '' : ` (${shown(raises / watchSeconds)} raises/s)`);
  return {
    case: 'delay',
    figures: { unit: 'ms', idle, one, many },
    targets: [
      { what: 'p99 delay in ms, 1 in flight', reached: one.p99, below: 20 },
      { what: 'p99 delay in ms, 64 in flight', reached: many.p99, below: 20 },
    ],
    lines: [line('idle host   ', idle), line('1 in flight ', one), line('64 in flight', many)],
  };
}

async function underLoad(file: string, seconds: number, inFlight: number): Promise<Delay> {
  await using store = await embeddedStore({ file, holder: 'npm run bench' });
  await using kernel = await openKernel({ ...scheduleProduct, store });
  await raiseFor(kernel, Math.min(1, seconds), inFlight, 'warm'); // The compiler's work is not the store's.
  return await watched(() => raiseFor(kernel, seconds, inFlight, 'host'));
}

/** Raises for some seconds, always with that many in flight, and tells how many. */
async function raiseFor(
  kernel: Kernel,
  seconds: number,
  inFlight: number,
  prefix: string,
): Promise<number> {
  const until = performance.now() + seconds * 1000;
  const inputs = raiseInputs(Infinity);
  let raises = 0;
  const one = async (): Promise<void> => {
    while (performance.now() < until) {
      const input = inputs.next();
      if (input.done === true) return;
      await kernel.raise({ ...input.value, userId: `${prefix}${String(input.value.userId)}` });
      raises += 1;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, one));
  return raises;
}

async function watched(work: () => Promise<number>): Promise<Delay> {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  const raises = await work();
  histogram.disable();
  const ms = (nanoseconds: number): number => nanoseconds / 1e6;
  return {
    p50: ms(histogram.percentile(50)),
    p99: ms(histogram.percentile(99)),
    max: ms(histogram.max),
    raises,
  };
}
