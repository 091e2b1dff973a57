// Subscriptions whose saved place is not, or not surely, a place of the log: it was restored or replaced, or a follower has
// not all of it. Against a model of real servers.
import { describe, expect, onTestFinished, test } from 'vitest';
import { CLIENTS, loadDefinitions } from '../../src/adapters/eventstore/esdb/client.ts';
import { Links } from '../../src/adapters/eventstore/esdb/links.ts';
import { readSettings } from '../../src/adapters/eventstore/esdb/settings.ts';
import { eventStoreDb } from '../../src/adapters/eventstore/esdb/store.ts';
import { subscribeThrough } from '../../src/adapters/eventstore/esdb/subscription.ts';
import type { Position } from '../../src/domain/core/positions.ts';
import type { EventStore, SubscriptionEntry } from '../../src/domain/ports/event-store.ts';
import { silentLogger } from '../../src/domain/ports/logger.ts';
import { ServerModel, type LogRecord, type ServerVersion } from '../support/server-model.ts';
import { until } from '../support/until.ts';

const versions = ['23.10', '24.6'] as const;
const prefixes = ['own-'];

async function aModel(version: ServerVersion) {
  const model = new ServerModel(version);
  const connectionString = await model.start();
  const store = eventStoreDb({ connectionString });
  onTestFinished(async () => {
    await store[Symbol.asyncDispose]();
    model.stop();
  });
  return { model, store, connectionString };
}

function placeOf({ commit }: LogRecord): Position {
  return { commit, prepare: commit };
}

/** Collects the entries of a subscription; `ended` has its error. */
function collect(pages: AsyncIterable<readonly SubscriptionEntry[]>) {
  const entries: SubscriptionEntry[] = [];
  const ended = (async () => {
    for await (const page of pages) entries.push(...page);
  })().then(
    () => undefined,
    (error: unknown) => error,
  );
  const ids = (): readonly string[] =>
    entries.flatMap((entry) => (entry.kind === 'event' ? [entry.event.id] : []));
  const isLive = (): boolean => entries.some(({ kind }) => kind === 'caughtUp');
  return { entries, ids, isLive, ended };
}

function follow(store: EventStore, place: { from?: Position; lastEventAt?: Position } = {}) {
  const stop = new AbortController();
  onTestFinished(() => {
    stop.abort();
  });
  return collect(store.subscribeAll({ prefixes, ...place, signal: stop.signal }));
}

describe('subscription without a saved place to a follower that lags', () => {
  test('goes on at the end of the follower, and skips no event that the leader has already', async () => {
    const [behind, ahead] = [await aModel('24.6'), await aModel('24.6')];
    behind.model.append('hidden', true);
    for (let n = 0; n < 5; n += 1) behind.model.append('foreign');
    ahead.model.records = [...behind.model.records];
    const own = [ahead.model.append('own-1'), ahead.model.append('own-1')];
    const definitions = await loadDefinitions(CLIENTS[0]);
    const nodes = [behind, ahead].map(({ connectionString }) => {
      const settings = readSettings({ connectionString }, silentLogger);
      const links = new Links(settings, definitions, () => undefined);
      onTestFinished(() => {
        links.close(new Error('the test is over'));
      });
      return links.to(settings.hosts[0]);
    });
    const [follower, leader] = await Promise.all(nodes);
    if (follower === undefined || leader === undefined) throw new Error('no link');
    const node = {
      start: follower.startRead.bind(follower),
      startOnLeader: (request: Buffer) => Promise.resolve(leader.startRead(request)),
    };
    const stop = new AbortController();
    onTestFinished(() => {
      stop.abort();
    });
    const subscribed = {
      connect: () => Promise.resolve(node),
      logger: silentLogger,
      granted: { login: false, readAll: false },
      closed: () => undefined,
    };
    const reader = collect(subscribeThrough(subscribed, { prefixes }, stop.signal));
    const end = behind.model.records.at(-1)?.commit;
    await until('the place at the end of the follower', () =>
      reader.entries.some((entry) => entry.kind === 'checkpoint' && entry.position.commit === end),
    );
    behind.model.replicate(own);
    await until('the events of the leader', () => reader.ids().length === own.length);
    expect(reader.ids()).toEqual(own.map(({ id }) => id));
  });
});

describe('subscription from a place that a restored log does not reach', () => {
  test.each(versions)('of %s delivers all events after the last processed one', async (version) => {
    const { model, store } = await aModel(version);
    model.append('hidden', true);
    const last = model.append('own-1');
    for (let n = 0; n < 3; n += 1) model.append('foreign');
    const place = { commit: last.commit + 2_000n, prepare: last.commit + 2_000n };
    const reader = follow(store, { from: place, lastEventAt: placeOf(last) });
    await until('the subscription', reader.isLive);
    const own: string[] = [];
    while (model.records.length < 40) {
      own.push(model.append('own-1').id);
      model.append('foreign');
    }
    await until('the new events', () => reader.ids().length === own.length);
    expect(reader.ids()).toEqual(own);
  });

  test.each(versions)('of %s does so where the log has no record at the place', async (version) => {
    const { model, store } = await aModel(version);
    model.append('hidden', true);
    const last = model.append('own-1');
    model.append('foreign');
    const own = [model.append('own-1').id, model.append('own-2').id];
    const place = { commit: last.commit + 150n, prepare: last.commit + 150n };
    const reader = follow(store, { from: place, lastEventAt: placeOf(last) });
    await until('the events', () => reader.ids().length === own.length);
    expect(reader.ids()).toEqual(own);
  });
});

describe('subscription whose log was replaced while it was connected', () => {
  test.each(versions)(
    'of %s ends with log_changed for an event that appears before its checkpoint',
    async (version) => {
      const { model, store } = await aModel(version);
      model.append('hidden', true);
      const last = model.append('own-1');
      const kept = [...model.records];
      const reader = follow(store);
      await until('the subscription', reader.isLive);
      for (let n = 0; n < 40; n += 1) model.append('foreign');
      await until('a checkpoint after the last event', () =>
        reader.entries.some(
          (entry) => entry.kind === 'checkpoint' && entry.position.commit > last.commit + 200n,
        ),
      );
      model.records = kept;
      model.append('foreign');
      model.append('own-1');
      for (let n = 0; n < 60; n += 1) model.append('foreign');
      model.drop();
      expect(await reader.ended).toMatchObject({ code: 'log_changed' });
      expect(reader.ids()).toEqual([last.id]);
    },
  );

  test.each(versions)(
    'of %s ends with log_changed where another event is at the place of its last one',
    async (version) => {
      const { model, store } = await aModel(version);
      model.append('hidden', true);
      const kept = [...model.records];
      const last = model.append('own-1');
      const reader = follow(store);
      await until('the event', () => reader.ids().length === 1);
      model.records = kept;
      expect(model.append('own-1').commit).toBe(last.commit);
      model.drop();
      expect(await reader.ended).toMatchObject({ code: 'log_changed' });
    },
  );
});
