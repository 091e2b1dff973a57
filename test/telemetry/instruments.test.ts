// Each instrument that parts report moves when its part works, on real parts.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventStoreDb } from '../../src/eventstoredb.ts';
import { createHttpApp } from '../../src/http.ts';
import { memoryStore } from '../../src/testing.ts';
import { createFront } from '../../src/adapters/eventstore/front/front.ts';
import {
  daemonTelemetry,
  type DaemonTelemetry,
} from '../../src/adapters/telemetry/daemon-telemetry.ts';
import { observedStore } from '../../src/adapters/telemetry/observed-store.ts';
import { watchHead } from '../../src/cli/compose/log-head.ts';
import { formatPosition } from '../../src/domain/core/positions.ts';
import {
  HEAD_INSTRUMENTS,
  prometheusName,
  REPORTED_INSTRUMENTS,
  type Instrument,
} from '../../src/domain/ports/instruments.ts';
import { silentLogger } from '../../src/domain/ports/logger.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { openNotary } from '../../src/kernel/open-notary.ts';
import { sqliteNotaryState } from '../../src/adapters/sqlite/notary-state.ts';
import { relayRaises } from '../../src/kernel/relay/relay.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import type { ChannelLookup } from '../../src/domain/ports/sender.ts';
import { deliveryWorld, targetOf } from '../delivery/world.support.ts';
import { jobWorld } from '../kernel/jobs.support.ts';
import { sqliteHost } from '../kernel/relay.support.ts';
import { testKey } from '../support/notary.ts';
import { until } from '../support/until.ts';
import { anInput } from '../support/world.ts';

let folder: string;
let opened: DaemonTelemetry;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tocsin-instruments-'));
  opened = daemonTelemetry('tocsin-test');
  await work(opened);
});
afterAll(async () => {
  await opened.close();
  rmSync(folder, { recursive: true });
});

/** The highest value that each series had when it was read. */
const highest = new Map<string, number>();

async function read(): Promise<ReadonlyMap<string, number>> {
  for (const line of (await opened.collect()).split('\n')) {
    const [, series = '', value] = /^([^#].*) (\S+)$/.exec(line) ?? [];
    highest.set(series, Math.max(highest.get(series) ?? 0, Number(value)));
  }
  return highest;
}

async function work(metrics: DaemonTelemetry): Promise<void> {
  await raisesAndRequests(metrics);
  await deliveries(metrics);
  await tasks(metrics);
  await notary(metrics);
  await front(metrics);
}

async function raisesAndRequests({ telemetry }: DaemonTelemetry): Promise<void> {
  await using store = observedStore(memoryStore(), telemetry);
  await using kernel = await openKernel({ ...scheduleProduct, store, telemetry });
  await kernel.raise(anInput(1));
  await kernel.raise(anInput(1));
  using host = sqliteHost();
  host.addTask(anInput(2));
  await relayRaises(host.source, kernel, { once: true, telemetry });
  const authenticate = () => Promise.resolve(undefined);
  const app = createHttpApp({ kernel, authenticate, telemetry });
  await app.fetch(new Request('http://local/api/v1/notification/policies'));
}

async function deliveries({ telemetry }: DaemonTelemetry): Promise<void> {
  await using world = await deliveryWorld();
  const failed = { outcome: 'transient', code: 'away', detail: '' } as const;
  world.answers.push(...Array.from({ length: 5 }, () => failed));
  const store = observedStore(world.store, telemetry);
  // One address of all users has one breaker.
  const lookup: ChannelLookup = (_user, channel) =>
    Promise.resolve({ kind: 'open', target: targetOf('all', channel) });
  await using _worker = await world.worker({ store, lookup, telemetry });
  for (let userId = 1; userId <= 5; userId += 1) await world.notify({ userId });
  await until('a breaker is open', async () => {
    // The address takes a few calls a second.
    world.time.advance(200);
    await read();
    return (highest.get('tocsin_breakers_open') ?? 0) > 0;
  });
  world.answers.push(async () => {
    await read();
    return { outcome: 'accepted' };
  });
  await until('a call is counted while it is made', () => {
    world.time.advance(1_000);
    return (highest.get('tocsin_calls_in_flight') ?? 0) > 0;
  });
}

async function tasks({ telemetry }: DaemonTelemetry): Promise<void> {
  await using world = await jobWorld(memoryStore());
  world.follow({ telemetry });
  world.host.set({});
  await until('a job is written', async () =>
    (await read()).get('tocsin_task_updates_total{outcome="written"}'),
  );
}

async function notary({ telemetry }: DaemonTelemetry): Promise<void> {
  const store = memoryStore();
  await using kernel = await openKernel({ ...scheduleProduct, store });
  using state = sqliteNotaryState({ file: join(folder, 'notary.db') });
  const refusing = { name: 'a receiver', give: () => Promise.reject(new Error('away')) };
  const stop = new AbortController();
  const { signer } = testKey();
  const running = openNotary({
    ...{ log: store, state, signer, telemetry },
    outputs: [refusing],
    pollMs: 1,
    clock: { now: () => Date.now() + (state.lastHead() === undefined ? 0 : 5_000) },
  }).run(stop.signal);
  await until('a head is signed', () => state.lastHead());
  await kernel.raise(anInput(1));
  await until('leaves wait for a head, and the receiver has failed', async () => {
    const series = await read();
    return (
      (series.get('tocsin_notary_unsigned') ?? 0) > 0 &&
      series.has('tocsin_notary_failures_total{receiver="a receiver"}')
    );
  });
  stop.abort();
  await running;
}

async function front({ telemetry }: DaemonTelemetry): Promise<void> {
  const served = await createFront({ file: join(folder, 'events.db'), telemetry });
  const plain = eventStoreDb({ connectionString: served.url });
  const store = observedStore(plain, telemetry);
  const event = { id: crypto.randomUUID(), type: 'Tried', data: {}, metadata: {} };
  await store.append('tocsin.trigger-1', 'no_stream', [event]);
  const stop = new AbortController();
  const { signal } = stop;
  let isLost = false;
  const following = (async () => {
    for await (const page of store.subscribeAll({ prefixes: ['tocsin.'], signal })) {
      if (page.some(({ kind }) => kind === 'caughtUp')) {
        await read();
        await served.close();
      }
      isLost ||= page.some(({ kind }) => kind === 'disconnected');
    }
  })();
  await until('the subscription is lost', () => isLost);
  stop.abort();
  await following;
  await plain[Symbol.asyncDispose]();
}

test.for(Object.entries<Instrument>(REPORTED_INSTRUMENTS))(
  '%s moves',
  async ([name, instrument]) => {
    const shown = prometheusName(name, instrument);
    const series = instrument.kind === 'histogram' ? `${shown}_count` : shown;
    const moved = [...(await read())].filter(
      ([key, value]) => value > 0 && (key === series || key.startsWith(`${series}{`)),
    );
    expect(moved.length).toBeGreaterThan(0);
    const labels = [...(moved[0]?.[0] ?? '').matchAll(/[{,](\w+)="/g)].map(([, label]) => label);
    expect(labels).toEqual(instrument.labels.map((label) => label.replaceAll('.', '_')));
  },
);

test('raises, appends and requests are counted by their outcome', async () => {
  const series = await read();
  expect(series.get('tocsin_raises_total{outcome="raised"}')).toBe(2);
  expect(series.get('tocsin_raises_total{outcome="duplicate"}')).toBe(1);
  expect(series.get('tocsin_relay_requests_total{outcome="raised"}')).toBe(1);
  expect(series.get('tocsin_attempts_total{channel="feishu",outcome="transient"}')).toBe(5);
  const labels = [
    'http_request_method="GET"',
    'http_route="/api/v1/notification/policies"',
    'http_response_status_code="401"',
  ];
  expect(series.get(`http_server_request_duration_seconds_count{${labels.join(',')}}`)).toBe(1);
});

test('connections and subscriptions of a store that has stopped are 0', async () => {
  const text = await opened.collect();
  expect(text).toMatch(/^tocsin_front_subscriptions 0$/m);
  expect(text).toMatch(/^tocsin_front_connections 0$/m);
});

test('the head of the log shows a lag while nothing is committed, and its age while it cannot be read', async () => {
  const store = memoryStore();
  await using kernel = await openKernel({ ...scheduleProduct, store });
  await kernel.raise(anInput(1));
  const now: { committed?: string; isAway?: true } = {};
  const readAll: typeof store.readAll = (options) => {
    if (now.isAway === true) throw new Error('the store is away');
    return store.readAll(options);
  };
  await using head = watchHead({
    store: { readAll },
    kernel: 'tocsin',
    committed: () => now.committed,
    logger: silentLogger,
    everyMs: 1,
  });
  const metrics = daemonTelemetry('tocsin-test');
  metrics.observe({ head: head.facts });
  await until('the head is behind', () => head.facts().lag > 0);
  const text = await metrics.collect();
  for (const [name, instrument] of Object.entries<Instrument>(HEAD_INSTRUMENTS)) {
    expect(text).toMatch(new RegExp(`^${prometheusName(name, instrument)} [^0]|\\d*[1-9]`, 'm'));
  }
  await metrics.close();
  now.isAway = true;
  const { age } = head.facts();
  await until('the head is not read any more', () => head.facts().age > age + 0.02);
  for await (const page of store.readAll({ direction: 'forwards', prefixes: [] })) {
    for (const { position } of page) now.committed = formatPosition(position);
  }
  expect(head.facts().lag).toBe(0);
});
