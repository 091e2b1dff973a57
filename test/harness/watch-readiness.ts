// During the torture: no projector may call itself ready for more than a minute in which raises are answered and
// nothing comes into the stream.
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProjectorSeat } from './cluster.ts';
import type { FaultContext } from './faults.ts';
import { lastSequence } from './observe.ts';

const EVERY_MS = 1_000;
const STILL_MS = 60_000;
/** Each answered raise of a new trigger is a message; so many answers cannot all be duplicates. */
const ENOUGH_ANSWERS = 20;

export async function watchReadiness(
  { cluster, load, fail }: FaultContext,
  signal: AbortSignal,
): Promise<void> {
  let stored = 0;
  let answers = 0;
  let movedAt = performance.now();
  let readySince = new Map<ProjectorSeat, number>();
  while (!signal.aborted) {
    await sleep(EVERY_MS, undefined, { signal }).catch(() => undefined);
    const now = performance.now();
    // A server that is away answers nothing; nothing is stored then.
    const sequence = await lastSequence(cluster.nats.url).catch(() => 0);
    // It falls when the server's disk goes back.
    if (sequence > 0 && sequence !== stored)
      [stored, answers, movedAt] = [sequence, load.answers, now];
    const stillReady = new Map<ProjectorSeat, number>();
    for (const seat of cluster.projectors) {
      if (await isReady(seat)) stillReady.set(seat, readySince.get(seat) ?? now);
    }
    readySince = stillReady;
    if (load.answers - answers < ENOUGH_ANSWERS || now - movedAt < STILL_MS) continue;
    for (const [{ process }, since] of readySince) {
      if (now - Math.max(since, movedAt) < STILL_MS) continue;
      fail(`${process.name} was ready for a minute in which nothing was stored`);
      return;
    }
  }
}

async function isReady({ status }: ProjectorSeat): Promise<boolean> {
  try {
    const answer = await fetch(`${status}/health/ready`, { signal: AbortSignal.timeout(EVERY_MS) });
    return answer.ok;
  } catch {
    // It is down, frozen or on its way up.
    return false;
  }
}
