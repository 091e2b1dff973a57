// `delivery`: how long others wait while many notifications wait for their retry, and while channels are
// slow; and a worker that starts again before a hundred thousand that wait.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDelivering, percentile, type Delivering } from '../support/delivery.ts';
import { shown, type Report, type Surroundings, type Target } from '../support/bench.ts';
import { SLOW_MS } from '../support/receiver.ts';
import { benchRestart } from './delivery-restart.ts';

const BELOW_MS = 1_000;
const EVERY_MS = 20;
/** The first ones find cold code and empty caches. */
const WARM_UP = 20;

type Latency = { readonly what: string; readonly p50: number; readonly p99: number };

export async function benchDelivery(surroundings: Surroundings): Promise<Report> {
  const { sizes, folder, say } = surroundings;
  const others = Math.min(500, sizes.requests / 10);
  const failing = Math.min(1_500, sizes.requests / 10);
  const slow = Math.min(200, sizes.requests / 10);
  const latencies: Latency[] = [];
  const measure = async (world: Delivering, what: string): Promise<void> => {
    say(`delivery: ${others} others, ${what}`);
    const late = await world.others(others, EVERY_MS);
    latencies.push({ what, p50: percentile(late, 0.5), p99: percentile(late, 0.99) });
  };
  const openIn = async (name: string): Promise<Delivering> => {
    const path = join(folder, name);
    await mkdir(path);
    const world = await openDelivering(path);
    await world.others(WARM_UP, EVERY_MS);
    return world;
  };
  {
    await using world = await openIn('failing');
    await measure(world, 'alone');
    await world.raise(failing, 'fail', false);
    await waiting(world, failing);
    await measure(world, `while ${shown(failing)} wait for their retry, each at its own channel`);
  }
  {
    await using world = await openIn('failing-one');
    await world.raise(failing, 'fail', true);
    await waiting(world, failing);
    await measure(world, `while ${shown(failing)} wait for their retry at one channel`);
  }
  {
    await using world = await openIn('slow');
    await world.raise(slow, 'slow', true);
    await measure(world, `while ${slow} are for one channel of ${SLOW_MS / 1000} s a call`);
  }
  {
    await using world = await openIn('slow-many');
    await world.raise(slow, 'slow', false);
    await measure(world, `while ${slow} are for as many channels of ${SLOW_MS / 1000} s a call`);
  }
  const restart = await benchRestart(surroundings);
  return {
    case: 'delivery',
    figures: { unit: 'ms', others, failing, slow, latencies, restart: restart.figures },
    targets: [...latencies.map(targetOf), ...restart.targets],
    lines: [
      ...latencies.map(
        ({ what, p50, p99 }) => `others, ${what}  p50 ${shown(p50)} ms, p99 ${shown(p99)} ms`,
      ),
      ...restart.lines,
    ],
  };
}

function targetOf({ what, p99 }: Latency): Target {
  return { what: `p99 in ms of others, ${what}`, reached: p99, below: BELOW_MS };
}

/** Waits until so many wait for their time, after a failure or for their turn. */
async function waiting({ list }: Delivering, count: number): Promise<void> {
  while ((list.counts()['waiting'] ?? 0) < count * 0.95) await sleep(50);
}
