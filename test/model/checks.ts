// What has to hold: after every crash of a projector, and at the end of a run.
import { expect } from 'vitest';
import { messageId } from '../../src/domain/core/ids.ts';
import { comparePositions } from '../../src/domain/core/positions.ts';
import { deliveryCodec, type DeliveryEvent } from '../../src/domain/delivery/events.ts';
import { maxAttempts, RETRY_PROFILES } from '../../src/domain/delivery/retry-schedule.ts';
import type { RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import type { ReadableLog } from '../../src/projections/audit/reading/ports.ts';
import { replay } from '../../src/projections/audit/replay/replay.ts';
import type { ReadModelSnapshot } from '../../src/adapters/memory/read-model.ts';
import { memoryReadModel } from '../../src/testing.ts';
import { ENDS } from '../oracle/delivery-oracle.ts';
import { scopeOf } from '../oracle/oracle.mjs';
import { listOf } from '../oracle/model-oracle.ts';
import { storedList } from '../support/decided.ts';
import { eventsOf } from '../support/world.ts';
import type { ModelWorld } from './run.ts';
import { NEW_RULESETS } from './versions.ts';

const notificationOf = (source: string): string => messageId(source, 'notification.requested');

/** The ids of the decided list, by the oracle. */
function decidedIds(events: readonly RecordedEvent[], { options }: ModelWorld) {
  const listed = listOf(events, options.policy, notificationOf);
  const ids = listed.messages.map(({ source, rule }) =>
    messageId(
      source,
      rule === 'triggered' ? 'active_schedule.triggered' : 'notification.requested',
    ),
  );
  return { ids, notifications: listed.notifications };
}

/** As far as a replay knows it: not at which sequence each message lies. */
function decided({ verdicts, sentNotifications, parked, reasons }: ReadModelSnapshot) {
  const placeless = verdicts.map((verdict) => ({ ...verdict, sequence: null }));
  return { verdicts: placeless, sentNotifications, parked, reasons };
}

async function replayed(events: readonly RecordedEvent[]): Promise<ReadModelSnapshot> {
  const state = memoryReadModel();
  const log: ReadableLog = {
    async *readAll({ prefixes }) {
      await Promise.resolve();
      yield events.filter(({ stream }) => prefixes.some((prefix) => stream.startsWith(prefix)));
    },
    async *readStream(stream) {
      await Promise.resolve();
      yield events.filter((event) => event.stream === stream);
    },
  };
  await replay(log, state, 'tocsin', { rulesets: NEW_RULESETS });
  return state.snapshot();
}

/** After a crash: the state file is the replay of its part of the log, and the stream a part of the list. */
export async function expectPrefix(world: ModelWorld, projector: number): Promise<void> {
  const events = await eventsOf(world.store);
  const stored = storedList(world.output).map(({ id }) => id);
  const { ids } = decidedIds(events, world);
  expect(stored).toEqual(ids.slice(0, stored.length));
  const snapshot = world.files[projector]?.snapshot();
  const upTo = snapshot?.checkpoint?.position;
  if (snapshot === undefined || upTo === undefined) return;
  const part = events.filter(({ position }) => comparePositions(position, upTo) <= 0);
  expect(decided(snapshot)).toEqual(decided(await replayed(part)));
}

/** At the end: every guarantee. */
export async function expectEnd(world: ModelWorld): Promise<void> {
  const events = await eventsOf(world.store);
  if (world.options.upgrades) expectOnlyTheOldRefuses(world);
  else expect([...world.refused]).toEqual([]);
  expectRaised(world, events);
  const { ids, notifications } = decidedIds(events, world);
  expect(storedList(world.output).map(({ id }) => id)).toEqual(ids);
  const calls = [...world.calls];
  const again = await replayed(events);
  expect(world.calls).toEqual(calls);
  for (const [n, file] of world.files.entries()) {
    if (world.refused.has(n)) continue;
    expect(decided(file.snapshot())).toEqual(decided(again));
  }
  // Each request has one verdict, and each notification that counts is the only one of its kind and window.
  const requests = events.filter(({ type }) => type === 'NotificationRequested');
  expect(again.verdicts.map(({ event }) => event)).toEqual(requests.map(({ id }) => id));
  expect(again.sentNotifications.map(({ id }) => id).sort()).toEqual(
    notifications.map(({ source }) => notificationOf(source)).sort(),
  );
  expectDelivered(world, events, again);
}

function expectOnlyTheOldRefuses({ refused, files }: ModelWorld): void {
  const old = files.length - 1;
  expect([...refused]).toEqual([[old, 'ruleset_unknown']]);
}

/** Every line is a trigger once, and says so to everybody who raised it. */
function expectRaised({ answers, options }: ModelWorld, events: readonly RecordedEvent[]): void {
  const triggers = events.filter(({ type }) => type === 'TriggerRaised');
  const idsOf = new Map<string, Set<string>>();
  for (const [at, all] of answers.entries()) {
    const scope = scopeOf(options.lines[at] ?? {});
    const ids = idsOf.get(scope) ?? new Set();
    idsOf.set(scope, ids);
    expect(all).not.toEqual([]);
    for (const answer of all) {
      expect(['raised', 'duplicate']).toContain(answer.outcome);
      if ('triggerId' in answer) ids.add(answer.triggerId);
    }
  }
  for (const ids of idsOf.values()) expect(ids.size).toBe(1);
  expect(triggers).toHaveLength(idsOf.size);
  expect(new Set(triggers.map(({ stream }) => stream)).size).toBe(triggers.length);
}

/** Each notification of a person ends, once for good, and no attempt called twice. */
function expectDelivered(
  { calls }: ModelWorld,
  events: readonly RecordedEvent[],
  { sentNotifications }: ReadModelSnapshot,
): void {
  const names = calls.map(({ notificationId, attempt }) => `${notificationId} ${attempt}`);
  expect(new Set(names).size).toBe(names.length);
  const records = Map.groupBy(
    events.filter(({ stream }) => stream.startsWith('tocsin.notification-')),
    ({ stream }) => stream,
  );
  const people = sentNotifications.filter(({ mock }) => !mock);
  expect(records.size).toBe(people.length);
  const begun = new Set<string>();
  for (const recorded of records.values()) {
    const record = recorded.map(readable);
    expectRecord(record);
    for (const { type, data } of record) {
      if (type === 'AttemptStarted') begun.add(`${data.notificationId} ${data.attempt}`);
    }
  }
  for (const name of names) expect(begun).toContain(name);
}

function readable(recorded: RecordedEvent): DeliveryEvent {
  const decoded = deliveryCodec.decode(recorded);
  if (decoded.kind !== 'event') throw new Error(`unreadable: ${recorded.type}`);
  return decoded.event;
}

/** One record: accepted, attempts in order and not too many, one end; after it only what comes late. */
function expectRecord(record: readonly DeliveryEvent[]): void {
  const types = record.map(({ type }) => type);
  expect(types[0]).toBe('NotificationAccepted');
  const end = types.findIndex((type) => ENDS.has(type));
  expect(end).toBeGreaterThan(0);
  const late = new Set(['AttemptSucceeded', 'AttemptFailed']);
  expect(types.slice(end + 1).filter((type) => !late.has(type))).toEqual([]);
  const attempts = record.flatMap((event) =>
    event.type === 'AttemptStarted' ? [event.data.attempt] : [],
  );
  expect(attempts).toEqual(attempts.map((_, n) => n + 1));
  const deferred = record.filter(
    (event) => event.type === 'DeliveryDeferred' && event.data.attempt !== undefined,
  );
  expect(attempts.length - deferred.length).toBeLessThanOrEqual(maxAttempts(RETRY_PROFILES.human));
}
