// Redriving by filter: rate, stop, repetition, and what cannot be redriven.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { sqliteDeliveryIndex } from '../../src/adapters/sqlite/delivery-index.ts';
import { fixedClock } from '../../src/kernel/testing/fixed-clock.ts';
import { systemRuntime } from '../../src/kernel/decider/runtime.ts';
import { deliveryDecider } from '../../src/kernel/processes/delivery/delivery-decider.ts';
import { deliveryContext } from '../../src/kernel/processes/delivery/processes.ts';
import {
  pacer,
  redriveMatching,
  type RedriveCall,
  type RedriveFilter,
} from '../../src/kernel/processes/delivery/redrive-matching.ts';
import { deadDelivery } from '../api/api.support.ts';

const START = Date.UTC(2026, 0, 1);

function aWorld() {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-redrive-'));
  const list = sqliteDeliveryIndex({ file: join(folder, 'deliveries.db'), storeId: 'log' });
  onTestFinished(() => {
    list[Symbol.dispose]();
    rmSync(folder, { recursive: true });
  });
  const store = memoryStore();
  const clock = fixedClock(START);
  const records = deliveryContext({ store, runtime: systemRuntime(clock), actor: 'an operator' });
  const waits: number[] = [];
  let elapsed = 0;
  const timers = {
    elapsed: () => elapsed,
    pause: (ms: number) => {
      waits.push(ms);
      elapsed += ms;
      return Promise.resolve();
    },
  };
  const parts = { ...clock, index: list, pace: pacer(timers, 10) };
  return {
    clock,
    waits,
    dead: (n: number, more: { channel?: string; reason?: string } = {}) =>
      deadDelivery({ store, clock, list, userId: '1', n, ...more }),
    redrive: (call: Partial<RedriveCall> = {}, filter: Partial<RedriveFilter> = {}) =>
      redriveMatching(
        records,
        parts,
        { status: 'dead', ...filter },
        { reason: 'repaired', ...call },
      ),
    look: () => redriveMatching(undefined, parts, { status: 'dead' }, { reason: 'repaired' }),
    state: async (id: string) => {
      const stream = list.get(id)?.stream ?? '';
      return (await deliveryDecider.load(store, stream)).state;
    },
  };
}

it('redriveMatching redrives what matches, ten a second, and records the reason', async () => {
  const world = aWorld();
  const ids: string[] = [];
  for (let n = 1; n <= 5; n += 1) ids.push(await world.dead(n));
  const other = await world.dead(6, { channel: 'webhook' });
  const counts = await world.redrive({}, { channel: 'feishu', reason: 'auth' });
  expect(counts).toMatchObject({ matched: 5, redriven: 5, refused: {}, nextBefore: undefined });
  expect(counts.first).toEqual([...ids].reverse());
  expect(world.waits).toEqual([100, 100, 100, 100]);
  for (const id of ids) {
    expect(await world.state(id)).toMatchObject({
      phase: { status: 'waiting' },
      reason: 'repaired',
    });
  }
  expect(await world.state(other)).toMatchObject({ phase: { status: 'dead' } });
});

it('redriveMatching stops at a signal with its counts, and a second call redrives nothing twice', async () => {
  const world = aWorld();
  const ids: string[] = [];
  for (let n = 1; n <= 4; n += 1) ids.push(await world.dead(n));
  const stop = new AbortController();
  const counts = await world.redrive({
    signal: stop.signal,
    onProgress: (now) => {
      if (now().redriven === 2) stop.abort();
    },
  });
  expect(counts).toMatchObject({ matched: 2, redriven: 2 });
  // No worker has updated the list: it still says that all are dead.
  const again = await world.redrive();
  expect(again).toMatchObject({ matched: 4, redriven: 2, refused: { under_way: 2 } });
  for (const id of ids) expect(await world.state(id)).toMatchObject({ redrives: 1 });
});

it('redriveMatching counts and names what cannot be redriven, and a dry run changes nothing', async () => {
  const world = aWorld();
  const expired = await world.dead(1);
  world.clock.advance(3_600_000);
  const id = await world.dead(2, { reason: 'gone' });
  const expected = {
    matched: 2,
    redriven: 1,
    refused: { expired: 1 },
    first: [id],
    firstRefused: [{ notificationId: expired, code: 'expired' }],
    groups: [
      { channel: 'feishu', reason: 'gone', count: 1 },
      { channel: 'feishu', reason: 'auth', count: 1 },
    ],
  };
  expect(await world.look()).toMatchObject(expected);
  expect(await world.state(id)).toMatchObject({ phase: { status: 'dead' } });
  expect(await world.redrive()).toMatchObject(expected);
});

it('redriveMatching goes on at the place that the last page names', async () => {
  const world = aWorld();
  for (let n = 1; n <= 3; n += 1) await world.dead(n);
  const first = await world.redrive({ limit: 2 });
  expect(first).toMatchObject({ matched: 2, redriven: 2 });
  const second = await world.redrive({ limit: 2, before: first.nextBefore });
  expect(second).toMatchObject({ matched: 1, redriven: 1, refused: {} });
});
