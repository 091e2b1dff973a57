import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import {
  daemonTelemetry,
  type DaemonFacts,
  type DaemonTelemetry,
} from '../../src/adapters/telemetry/daemon-telemetry.ts';
import {
  INSTRUMENTS,
  PROJECTOR_INSTRUMENTS,
  prometheusName,
} from '../../src/domain/ports/instruments.ts';
import type { PartStatus } from '../../src/kernel/processes/part-board.ts';
import type { ProjectorStatus } from '../../src/projections/publisher/status.ts';
import { idleStatus } from './status.support.ts';

let opened: DaemonTelemetry | undefined;
afterEach(async () => {
  await opened?.close();
  opened = undefined;
});

const PARTS: readonly PartStatus[] = [
  { name: 'nats', state: 'running', seconds: 5 },
  { name: 'scanner', state: 'waiting', seconds: 7, reason: 'the store is away' },
  { name: 'expiry', state: 'stopped', seconds: 9 },
];

function telemetryOf(facts: DaemonFacts): DaemonTelemetry {
  const telemetry = daemonTelemetry('tocsin-test');
  telemetry.observe(facts);
  opened = telemetry;
  return telemetry;
}

/** Opens metrics whose status can be changed between two collections. */
function metricsOf(first: Partial<ProjectorStatus> = {}) {
  let status = { ...idleStatus, ...first };
  let reads = 0;
  const readStatus = (): ProjectorStatus => {
    reads += 1;
    return status;
  };
  const metrics = telemetryOf({ projector: readStatus, parts: () => PARTS });
  return {
    samples: async () => samplesOf(await metrics.collect()),
    text: metrics.collect,
    change: (changes: Partial<ProjectorStatus>) => {
      status = { ...status, ...changes };
    },
    reads: () => reads,
  };
}

/** The samples of Prometheus text, by name with labels. */
function samplesOf(text: string): ReadonlyMap<string, number> {
  return new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]),
  );
}

const { totals } = idleStatus;

/** For each instrument of the projector: what changes, the sample that shows it, and its new value. */
const moves: Readonly<
  Record<string, readonly [change: Partial<ProjectorStatus>, sample: string, value: number]>
> = {
  'tocsin.running': [{ phase: 'waiting' }, 'tocsin_running', 0],
  'tocsin.active': [{ role: 'standby' }, 'tocsin_active', 0],
  'tocsin.caught_up': [{ caughtUp: false }, 'tocsin_caught_up', 0],
  'tocsin.intake.position': [{ intake: '77/77' }, 'tocsin_intake_position', 77],
  'tocsin.committed.position': [{ committed: '76/76' }, 'tocsin_committed_position', 76],
  'tocsin.output.sequence': [{ outputSequence: '13' }, 'tocsin_output_sequence', 13],
  'tocsin.lag.events': [{ lagEvents: 4 }, 'tocsin_lag_events', 4],
  'tocsin.lag': [{ lagSeconds: 2.5 }, 'tocsin_lag_seconds', 2.5],
  'tocsin.in_flight.messages': [{ inFlight: 9 }, 'tocsin_in_flight_messages', 9],
  'tocsin.stalled': [{ stalledSeconds: 31 }, 'tocsin_stalled_seconds', 31],
  'tocsin.store.away': [
    { storeAway: { seconds: 12.5, reason: 'refused' } },
    'tocsin_store_away_seconds',
    12.5,
  ],
  'tocsin.messages.sent': [
    { sent: { triggered: 0, notifications: 5 } },
    'tocsin_messages_sent_total{rule="notification.requested"}',
    5,
  ],
  'tocsin.events': [{ totals: { ...totals, events: 30 } }, 'tocsin_events_total', 30],
  'tocsin.unknown.events': [
    { totals: { ...totals, unknown: 1 } },
    'tocsin_unknown_events_total',
    1,
  ],
  'tocsin.triggers.published': [
    { totals: { ...totals, triggered: 8 } },
    'tocsin_triggers_published_total',
    8,
  ],
  'tocsin.notifications.published': [
    { totals: { ...totals, published: 6 } },
    'tocsin_notifications_published_total',
    6,
  ],
  'tocsin.notifications.suppressed': [
    { totals: { ...totals, suppressed: 2 } },
    'tocsin_notifications_suppressed_total',
    2,
  ],
  'tocsin.notifications.withheld': [
    { reasons: { within_window: 2 } },
    'tocsin_notifications_withheld{reason="within_window"}',
    2,
  ],
  'tocsin.parked': [{ parked: 1 }, 'tocsin_parked', 1],
  'tocsin.epochs': [{ epochs: 2 }, 'tocsin_epochs_total', 2],
  'tocsin.foreign.messages': [{ foreign: 3 }, 'tocsin_foreign_messages_total', 3],
  'tocsin.resent.messages': [{ resent: 12 }, 'tocsin_resent_messages_total', 12],
};

const processMetrics = [
  'process_resident_memory_bytes',
  'nodejs_heap_used_bytes',
  'nodejs_eventloop_delay_p99_seconds',
];

test('each instrument of the projector has a case in this file', () => {
  expect(Object.keys(moves).sort()).toEqual(Object.keys(PROJECTOR_INSTRUMENTS).sort());
});

describe('daemonTelemetry', () => {
  test.each(Object.entries(moves))(
    '%s changes when its fact changes',
    async (_name, [change, sample, value]) => {
      const metrics = metricsOf();
      const before = await metrics.samples();
      expect(before.get(sample)).not.toBe(value);
      metrics.change(change);
      expect((await metrics.samples()).get(sample)).toBe(value);
    },
  );

  test('tocsin_messages_sent counts triggers under their own rule', async () => {
    const metrics = metricsOf({ sent: { triggered: 7, notifications: 0 } });
    const samples = await metrics.samples();
    expect(samples.get('tocsin_messages_sent_total{rule="trigger.raised"}')).toBe(7);
  });

  test('the memory metrics change with the memory that the process holds', async () => {
    const metrics = metricsOf();
    const before = await metrics.samples();
    const held = Array.from({ length: 200_000 }, (_, index) => ({ index }));
    const after = await metrics.samples();
    expect(held).toHaveLength(200_000);
    for (const name of ['process_resident_memory_bytes', 'nodejs_heap_used_bytes']) {
      expect(before.get(name)).toBeGreaterThan(1e6);
      expect(after.get(name)).not.toBe(before.get(name));
    }
  });

  test('the event loop delay shows blocking since the last collection only', async () => {
    const metrics = metricsOf();
    const delay = async (): Promise<number> =>
      (await metrics.samples()).get('nodejs_eventloop_delay_p99_seconds') ?? 0;
    for (let held = 0; held < 5; held += 1) {
      await expect
        .poll(async () => {
          const until = performance.now() + 150;
          while (performance.now() < until);
          // The delay is noted in the loop's next turn.
          await turn();
          await turn();
          return delay();
        })
        .toBeGreaterThan(0.1);
    }
    let collections = 0;
    const next = (): Promise<number> => {
      collections += 1;
      return delay();
    };
    await expect.poll(next).toBeLessThan(0.1);
    // Kept from one collection to the next, five such delays would be seen in a hundred collections and more.
    expect(collections).toBeLessThan(30);
  });
});

test('daemonTelemetry reads the status once for each collection', async () => {
  const metrics = metricsOf();
  await metrics.samples();
  await metrics.samples();
  expect(metrics.reads()).toBe(2);
});

test('daemonTelemetry reports 0 for a reason that has disappeared', async () => {
  const metrics = metricsOf({ reasons: { schema_invalid: 1 } });
  const sample = 'tocsin_notifications_withheld{reason="schema_invalid"}';
  expect((await metrics.samples()).get(sample)).toBe(1);
  metrics.change({ reasons: {} });
  expect((await metrics.samples()).get(sample)).toBe(0);
});

test('the Prometheus text has HELP and TYPE of each metric, and no metric of the exporter', async () => {
  const text = await metricsOf({ reasons: { within_window: 1 } }).text();
  for (const [name, instrument] of Object.entries(PROJECTOR_INSTRUMENTS)) {
    const shown = prometheusName(name, instrument);
    const { kind, help } = instrument;
    expect(text).toContain(`# HELP ${shown} ${help}\n# TYPE ${shown} ${kind}\n`);
  }
  expect(text).not.toContain('target_info');
  expect(text).not.toContain('otel_scope');
});

test('daemonTelemetry reports which parts run, and for how long the others wait', async () => {
  const samples = await metricsOf().samples();
  const of = (name: string) =>
    ['nats', 'scanner', 'expiry'].map((part) => samples.get(`${name}{part="${part}"}`));
  expect(of('tocsin_part_running')).toEqual([1, 0, 0]);
  expect(of('tocsin_part_waiting_seconds')).toEqual([0, 7, 0]);
});

test('daemonTelemetry without a status reports the process metrics only', async () => {
  const names = [...samplesOf(await telemetryOf({}).collect()).keys()];
  expect(names.sort()).toEqual([...processMetrics].sort());
});

test('daemonTelemetry rejects a collection whose status cannot be read', async () => {
  const telemetry = telemetryOf({
    projector() {
      throw new Error('disk gone');
    },
  });
  await expect(telemetry.collect()).rejects.toMatchObject({
    name: 'TocsinError',
    code: 'metrics_unreadable',
    cause: { message: 'disk gone' },
  });
});

test('dead deliveries are counted by channel and reason, with a bounded number of labels', async () => {
  let count = 1;
  let kinds = 2;
  const metrics = telemetryOf({
    deliveries: () => ({
      dead: Array.from({ length: kinds }, (_, n) => ({
        channel: 'feishu',
        reason: `feishu_${n}`,
        count,
      })),
    }),
  });
  const samples = async () =>
    [...samplesOf(await metrics.collect())].filter(([name]) =>
      name.startsWith('tocsin_deliveries_dead'),
    );
  expect(await samples()).toEqual([
    ['tocsin_deliveries_dead{channel="feishu",reason="feishu_0"}', 1],
    ['tocsin_deliveries_dead{channel="feishu",reason="feishu_1"}', 1],
    ['tocsin_deliveries_dead{channel="other",reason="other"}', 0],
  ]);
  kinds = 1_000;
  count = 2;
  const many = await samples();
  expect(many).toHaveLength(51);
  expect(many).toContainEqual(['tocsin_deliveries_dead{channel="other",reason="other"}', 1_900]);
  kinds = 0;
  expect((await samples()).every(([, value]) => value === 0)).toBe(true);
});

test('each name follows the conventions of OpenTelemetry, and no two have one name in Prometheus', () => {
  const shown = Object.entries(INSTRUMENTS).map(([name, instrument]) => {
    expect(name).toMatch(/^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$/);
    return prometheusName(name, instrument);
  });
  expect(new Set(shown).size).toBe(shown.length);
  for (const name of shown) expect(name).toMatch(/^[a-z][a-z0-9_]*$/);
});
