// The adapter on a cluster of three members, one of which fails. What clients notice is measured: the longest pause
// between two answers to raises, and between two events of a subscription.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { eventStoreDb } from '../../src/adapters/eventstore/esdb/store.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { all, anEvent } from '../contracts/event-store.support.ts';
import { esdbCluster, type EsdbCluster, type Fault } from '../support/esdb-cluster.ts';
import { until } from '../support/until.ts';
import { aFront } from './front.support.ts';

const GOAL_MS = 10_000;

async function aCluster(): Promise<EsdbCluster> {
  const { port } = await aFront();
  const cluster = await esdbCluster(port);
  onTestFinished(() => cluster[Symbol.asyncDispose]());
  return cluster;
}

function aStore(cluster: EsdbCluster, settings = ''): EventStore {
  const store = eventStoreDb({ connectionString: `esdb://${cluster.hosts}?tls=false${settings}` });
  onTestFinished(() => store[Symbol.asyncDispose]());
  return store;
}

/** Appends one event after another, and the pauses between the answers `appended`. */
function raiser(store: EventStore) {
  const times = [performance.now()];
  const written: string[] = [];
  const others: string[] = [];
  const stop = new AbortController();
  const running = (async () => {
    for (let n = 0; !stop.signal.aborted; n += 1) {
      const event = anEvent(n);
      const { outcome } = await store.append(`raised-${n}`, 'no_stream', [event]);
      if (outcome === 'appended') {
        written.push(event.id);
        times.push(performance.now());
      } else others.push(outcome);
      await sleep(10);
    }
  })();
  return {
    times,
    written,
    others,
    async stop() {
      stop.abort();
      await running;
    },
  };
}

function subscriber(store: EventStore) {
  const times = [performance.now()];
  const seen: string[] = [];
  const stop = new AbortController();
  const running = (async () => {
    const pages = store.subscribeAll({ prefixes: ['raised-'], signal: stop.signal });
    for await (const page of pages) {
      for (const entry of page) if (entry.kind === 'event') seen.push(entry.event.id);
      times.push(performance.now());
    }
  })();
  return {
    times,
    seen,
    async stop() {
      stop.abort();
      await running;
    },
  };
}

function longestPause(times: readonly number[]): number {
  return Math.max(...times.slice(1).map((time, at) => time - (times[at] ?? time)));
}

describe('a cluster whose leader', () => {
  test.each<Fault>(['kill', 'freeze', 'cut off'])(
    'has the fault "%s" goes on with another leader in less than ten seconds',
    async (fault) => {
      const cluster = await aCluster();
      const [writer, reader] = [aStore(cluster), aStore(cluster)];
      const raises = raiser(writer);
      const output = subscriber(reader);
      await until('the first events', () => output.seen.length > 20);
      const first = cluster.leader();
      cluster.fail(first, fault);
      await until('another leader', () => cluster.leader() !== first);
      const [raised, shown] = [raises.written.length, output.seen.length];
      await until('raises', () => raises.written.length > raised + 20);
      await until('output', () => output.seen.length > shown + 20);
      await raises.stop();
      await until('the last event', () => output.seen.length === raises.written.length);
      await output.stop();
      expect(raises.others).toEqual([]);
      expect(output.seen).toEqual(raises.written);
      const pauses = { raise: longestPause(raises.times), output: longestPause(output.times) };
      expect(pauses.raise).toBeLessThan(GOAL_MS);
      expect(pauses.output).toBeLessThan(GOAL_MS);
    },
  );
});

test.each<Fault>(['kill', 'freeze', 'cut off'])(
  'a reader leaves a follower with the fault "%s" in less than ten seconds',
  async (fault) => {
    const cluster = await aCluster();
    const output = subscriber(aStore(cluster, '&nodePreference=follower'));
    const raises = raiser(aStore(cluster));
    await until('the first events', () => output.seen.length > 20);
    const first = cluster.lastRead();
    expect(first).not.toBe(cluster.leader());
    cluster.fail(first, fault);
    await until('another follower', () => cluster.lastRead() !== first);
    const shown = output.seen.length;
    await until('output', () => output.seen.length > shown + 20);
    await raises.stop();
    await until('the last event', () => output.seen.length === raises.written.length);
    await output.stop();
    expect(output.seen).toEqual(raises.written);
    expect(longestPause(output.times)).toBeLessThan(GOAL_MS);
  },
);

test('a reader leaves a follower that is only behind, and loses no event', async () => {
  const cluster = await aCluster();
  const output = subscriber(aStore(cluster, '&nodePreference=follower'));
  const raises = raiser(aStore(cluster));
  await until('the first events', () => output.seen.length > 20);
  const first = cluster.lastRead();
  expect(first).not.toBe(cluster.leader());
  await cluster.lag(first);
  await until('another follower', () => cluster.lastRead() !== first);
  const shown = output.seen.length;
  await until('output', () => output.seen.length > shown + 20);
  await raises.stop();
  await until('the last event', () => output.seen.length === raises.written.length);
  await output.stop();
  expect(output.seen).toEqual(raises.written);
});

test('a reader keeps its follower where others only answer faster', async () => {
  const cluster = await aCluster();
  // A machine under load may be silent for longer than the default.
  const store = aStore(cluster, '&nodePreference=follower&gossipTimeout=30');
  await store.append('raised-1', 'no_stream', [anEvent(0)]);
  const output = subscriber(store);
  await until('the event', () => output.seen.length === 1);
  const first = cluster.lastRead();
  const asked = cluster.slowDown(first);
  await until('some comparisons of the members', () => asked() >= 3);
  expect(cluster.lastRead()).toBe(first);
  await output.stop();
});

describe('a cluster', () => {
  test('is left by no call while its leader stays', async () => {
    const cluster = await aCluster();
    cluster.fail(2, 'freeze');
    const raises = raiser(aStore(cluster));
    await until('raises', () => raises.written.length > 20);
    await sleep(4_000);
    await raises.stop();
    expect(raises.others).toEqual([]);
    expect(longestPause(raises.times)).toBeLessThan(1_000);
  });

  test('moves its clients when another member is elected', async () => {
    const cluster = await aCluster();
    const store = aStore(cluster);
    await store.append('a', 'no_stream', [anEvent(0)]);
    cluster.elect(1);
    expect(await store.append('b', 'no_stream', [anEvent(0)])).toMatchObject({
      outcome: 'appended',
    });
  });

  test('gives the log to readers that prefer followers, and appends to the leader', async () => {
    const cluster = await aCluster();
    const store = aStore(cluster, '&nodePreference=follower');
    expect(await store.append('a', 'no_stream', [anEvent(0)])).toMatchObject({
      outcome: 'appended',
    });
    expect(await all(store.readAll({ direction: 'forwards', prefixes: ['a'] }))).toHaveLength(1);
  });
});

describe('one host that is a follower', () => {
  test('leads the first call to the leader', async () => {
    const cluster = await aCluster();
    const [, follower = ''] = cluster.hosts.split(',');
    const store = eventStoreDb({ connectionString: `esdb://${follower}?tls=false` });
    onTestFinished(() => store[Symbol.asyncDispose]());
    expect(await all(store.readStream('a', { direction: 'forwards' }))).toEqual([]);
    const result = await store.append('a', 'no_stream', [anEvent(0)]);
    expect(result).toMatchObject({ outcome: 'appended' });
    expect(await all(store.readStream('a', { direction: 'forwards' }))).toHaveLength(1);
  });
});
