// The adapter on a cluster of three members, one of which fails. What clients notice is measured: the longest pause
// between two answers to raises, and between two events of a subscription.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { eventStoreDb } from '../../src/adapters/eventstore/esdb/store.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { all, anEvent } from '../../src/facade/contracts/event-store-support.ts';
import { silentLogger } from '../../src/domain/ports/logger.ts';
import { esdbCluster, type EsdbCluster, type Fault } from '../support/esdb-cluster.ts';
import { until } from '../support/until.ts';
import { aFront } from './front.support.ts';

const GOAL_MS = 10_000;

async function aCluster(options: { readonly isHidden?: boolean } = {}): Promise<EsdbCluster> {
  const { port } = await aFront();
  const cluster = await esdbCluster(port, undefined, options);
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

test.each(['freeze', 'kill'] as const)(
  'clients follow a new leader that a member knows before its gossip tells it (%s)',
  async (fault) => {
    await using cluster = await aCluster();
    const store = aStore(cluster);
    const raising = raiser(store);
    await until('the first answers', () => raising.written.length > 10);
    cluster.gossipLate(2);
    cluster.fail(0, fault);
    await until('the new leader', () => cluster.leader() === 1);
    const before = raising.written.length;
    await until('answers of the new leader', () => raising.written.length > before + 10);
    await raising.stop();
    expect(raising.others.filter((outcome) => outcome !== 'unknown')).toEqual([]);
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

/** One member, by its number. */
function hostOf(cluster: EsdbCluster, member: number): string {
  return cluster.hosts.split(',')[member] ?? '';
}

describe('one host of a cluster', () => {
  test.each<Fault>(['kill', 'freeze', 'cut off'])(
    'that is the leader is left for the next leader after the fault "%s" in less than ten seconds',
    async (fault) => {
      const cluster = await aCluster();
      const first = cluster.leader();
      const hosts = hostOf(cluster, first);
      const raises = raiser(aStore({ ...cluster, hosts }));
      const output = subscriber(aStore({ ...cluster, hosts }));
      await until('the first events', () => output.seen.length > 20);
      await until('questions to others', () => cluster.asked(1) > 1 && cluster.asked(2) > 1);
      cluster.fail(first, fault);
      await until('another leader', () => cluster.leader() !== first);
      const shown = output.seen.length;
      await until('output', () => output.seen.length > shown + 20);
      await raises.stop();
      await until('the last event', () => output.seen.length === raises.written.length);
      await output.stop();
      expect(raises.others).toEqual([]);
      expect(output.seen).toEqual(raises.written);
      expect(longestPause(raises.times)).toBeLessThan(GOAL_MS);
      expect(longestPause(output.times)).toBeLessThan(GOAL_MS);
    },
  );

  test('that the members know by another name is kept while it leads', async () => {
    const cluster = await aCluster();
    const hosts = hostOf(cluster, cluster.leader()).replace('127.0.0.1', 'localhost');
    const warnings: string[] = [];
    const warn = (_: object, message: string) => void warnings.push(message);
    const store = eventStoreDb({
      connectionString: `esdb://${hosts}?tls=false`,
      logger: { ...silentLogger, warn },
    });
    onTestFinished(() => store[Symbol.asyncDispose]());
    await store.append('a', 'no_stream', [anEvent(0)]);
    await until('comparisons of the members', () => cluster.asked(1) > 2);
    expect(warnings).toEqual([]);
    cluster.elect(1);
    await until('the move', () => warnings.length > 0);
    expect(await store.append('b', 'no_stream', [anEvent(0)])).toMatchObject({
      outcome: 'appended',
    });
  });

  test('is kept where the addresses that it gives for the members cannot be reached', async () => {
    const cluster = await aCluster({ isHidden: true });
    const first = cluster.leader();
    const store = aStore({ ...cluster, hosts: hostOf(cluster, first) });
    const output = subscriber(store);
    const raises = raiser(store);
    await until('a comparison of the members', () => cluster.asked(first) > 1);
    const shown = output.seen.length;
    await until('more output', () => output.seen.length > shown + 20);
    await raises.stop();
    await until('the last event', () => output.seen.length === raises.written.length);
    await output.stop();
    expect(raises.others).toEqual([]);
    expect(cluster.lastRead()).toBe(first);
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
