// Tampering with the log of a real run. With a head that was kept elsewhere, every kind is found, and the first leaf that
// differs is named rightly; also where read model and stream were made to agree.
import { describe, expect, it } from 'vitest';
import { isJsonObject, type Json, type JsonObject } from '../../src/domain/core/json.ts';
import type { RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import { HeadCheck, type HeadWitness } from '../../src/projections/audit/verify/head-check.ts';
import { Findings } from '../../src/projections/audit/verify/mismatches.ts';
import { Frontier } from '../../src/projections/notary/frontier.ts';
import { HEAD_FORMAT, type TreeHead } from '../../src/projections/notary/head.ts';
import { leafOf } from '../../src/projections/notary/leaf.ts';
import { createTokens } from '../../src/kernel/access/tokens.ts';
import { appendControlEvent, appendRaw, metadata } from '../support/log-edits.ts';
import { anInput, eventsOf, makeWorld, raised, START } from '../support/world.ts';

type Log = readonly RecordedEvent[];
type Kind = {
  readonly kind: string;
  readonly change: (log: Log) => Log;
  readonly code: 'event_changed' | 'event_missing' | 'event_added' | 'event_moved';
};

/** Events of all categories: control, claims, triggers, deliveries, channels, tokens. */
async function aRun(): Promise<Log> {
  const { kernel, store } = await makeWorld();
  for (const n of [1, 2, 3])
    await raised(kernel, anInput(n, { payload: { pin: n }, idempotencyKey: `k${n}` }));
  const policy = { kind: 'none' as const, per: 'user' as const };
  await appendControlEvent(store, {
    type: 'NotificationsMuted',
    data: { triggerType: '*', until: Date.UTC(2026, 0, 2), reason: 'a test' },
  });
  expect(policy.kind).toBe('none');
  await createTokens({ store }).create({ name: 'web', scopes: ['preview:read'], userId: '1' });
  const delivery = 'tocsin.notification-00-11111111-1111-5111-8111-111111111111';
  const facts = { notificationId: crypto.randomUUID(), userId: '1' };
  for (const [type, data] of [
    ['NotificationAccepted', { ...facts, triggerType: 'important_urgent_task' }],
    ['AttemptStarted', { ...facts, attempt: 1 }],
    ['AttemptSucceeded', { ...facts, attempt: 1, code: 'ok' }],
  ] as const)
    await appendRaw(store, delivery, { type, data, metadata: metadata(START) });
  const channel = 'tocsin.channel-00-22222222-2222-5222-8222-222222222222';
  for (const type of ['ChannelConfigured', 'ChannelDisabled'])
    await appendRaw(store, channel, {
      type,
      data: { userId: '1', channel: 'feishu', version: 1, mask: 'https://…' },
      metadata: metadata(START),
    });
  return eventsOf(store);
}

const log = await aRun();
const find = (type: string): number => {
  const at = log.findIndex((event) => event.type === type);
  return at >= 0 ? at : expect.fail(`no ${type}`);
};
const objectOf = (value: RecordedEvent['data']): JsonObject =>
  isJsonObject(value) ? value : expect.fail('an object');
const edit = (at: number, change: (event: RecordedEvent) => Partial<RecordedEvent>): Log =>
  log.map((event, index) => (index === at ? { ...event, ...change(event) } : event));
const another = (value: Json | undefined): Json =>
  typeof value === 'number' ? value + 1 : typeof value === 'string' ? `${value}0` : 'other';

const types = [...new Set(log.map(({ type }) => type))];
const kinds: readonly Kind[] = [
  ...types.map((type): Kind => ({
    kind: `another actor of ${type}`,
    code: 'event_changed',
    change: () =>
      edit(find(type), (event) => ({
        metadata: { ...objectOf(event.metadata), actor: 'mallory' },
      })),
  })),
  ...types.map((type): Kind => ({
    kind: `another recordedAt of ${type}`,
    code: 'event_changed',
    change: () =>
      edit(find(type), (event) => ({
        metadata: { ...objectOf(event.metadata), recordedAt: '2024-08-01T00:00:00.000Z' },
      })),
  })),
  ...types.map((type): Kind => ({
    kind: `${type} removed`,
    code: find(type) === log.length - 1 ? 'event_missing' : 'event_missing',
    change: () => log.toSpliced(find(type), 1),
  })),
  ...types.flatMap((type): Kind[] =>
    Object.keys(objectOf(log[find(type)]?.data ?? {}))
      .filter((field) => field !== 'personal')
      .slice(0, 4)
      .map((field) => ({
        kind: `${field} of ${type} changed`,
        code: 'event_changed',
        change: () =>
          edit(find(type), (event) => {
            const data = objectOf(event.data);
            return { data: { ...data, [field]: another(data[field]) } };
          }),
      })),
  ),
  ...['TriggerRaised', 'PreviewOffered', 'NotificationRequested', 'IdempotencyClaimed'].map(
    (type): Kind => ({
      kind: `the personal part of ${type} changed`,
      code: 'event_changed',
      change: () =>
        edit(find(type), (event) => {
          const data = objectOf(event.data);
          const personal = { ...objectOf(data['personal'] ?? {}), summary: 'forged' };
          return { data: { ...data, personal } };
        }),
    }),
  ),
  {
    kind: 'AttemptSucceeded made AttemptFailed',
    code: 'event_changed',
    change: () => edit(find('AttemptSucceeded'), () => ({ type: 'AttemptFailed' })),
  },
  {
    kind: 'an event under another id',
    code: 'event_changed',
    change: () => edit(4, () => ({ id: '11111111-1111-4111-8111-111111111111' })),
  },
  {
    kind: 'an event in the stream of another user',
    code: 'event_changed',
    change: () =>
      edit(find('NotificationAccepted'), () => ({ stream: 'tocsin.notification-ff-x' })),
  },
  {
    kind: 'a whole trigger stream removed',
    code: 'event_missing',
    change: () => {
      const { stream } = log[find('TriggerRaised')] ?? expect.fail('a trigger');
      return log.filter((event) => event.stream !== stream);
    },
  },
  {
    kind: 'a whole delivery record removed',
    code: 'event_missing',
    change: () => log.filter(({ stream }) => !stream.startsWith('tocsin.notification-')),
  },
  {
    kind: 'the end of the log cut off',
    code: 'event_missing',
    change: () => log.slice(0, -3),
  },
  {
    kind: 'an event put in',
    code: 'event_added',
    change: () => {
      const copy = { ...(log[3] ?? expect.fail('an event')), id: crypto.randomUUID() };
      return log.toSpliced(5, 0, copy);
    },
  },
  {
    kind: 'an event repeated later',
    code: 'event_added',
    change: () => log.toSpliced(8, 0, log[3] ?? expect.fail('an event')),
  },
  {
    kind: 'two events swapped',
    code: 'event_moved',
    change: () => log.with(5, log[6] ?? expect.fail()).with(6, log[5] ?? expect.fail()),
  },
  {
    kind: 'data that is no JSON any more',
    code: 'event_changed',
    change: () => edit(5, () => ({ data: { unreadable: Uint8Array.of(1) } })),
  },
];

function headOf(events: Log): TreeHead {
  const tree = new Frontier();
  for (const event of events) tree.add(leafOf(event));
  return {
    format: HEAD_FORMAT,
    store: crypto.randomUUID(),
    size: events.length,
    position: '1/1',
    root: Buffer.from(tree.root()).toString('hex'),
    time: START,
    key: 'ab'.repeat(32),
    signature: '',
  };
}

const leaves = log.map(leafOf);
const whole: HeadWitness = { heads: [headOf(log)], leafAt: (n) => leaves[n] };

function found(changed: Log, witness: HeadWitness) {
  const findings = new Findings();
  const check = new HeadCheck(witness, findings);
  check.see(changed);
  check.end();
  return findings.listed;
}

describe('a log that was changed after a head was kept elsewhere', () => {
  it('is checked for at least fifty kinds', () => {
    expect(new Set(kinds.map(({ kind }) => kind)).size).toBeGreaterThanOrEqual(50);
    expect(found(log, whole)).toEqual([]);
  });

  it.each(kinds.filter(({ code }) => code !== 'event_moved'))(
    'names $code for $kind, at the first leaf that differs',
    ({ change, code }) => {
      const changed = change(log).map(leafOf);
      const first = leaves.findIndex((leaf, at) =>
        changed[at] === undefined ? true : Buffer.compare(changed[at], leaf) !== 0,
      );
      const [difference, ...others] = found(change(log), whole);
      expect(others).toEqual([]);
      expect(difference).toMatchObject({ code, where: `leaf ${first}` });
    },
  );

  it.each(kinds.filter(({ code }) => code === 'event_moved'))(
    'names the first leaf for $kind',
    ({ change, code }) => {
      expect(found(change(log), whole)).toMatchObject([{ code }]);
    },
  );

  it.each(kinds)('finds $kind with the head alone, by the leaves that it covers', ({ change }) => {
    const alone = { heads: [headOf(log.slice(0, 2)), headOf(log)] };
    const [difference] = found(change(log), alone);
    expect(['log_differs', 'event_missing']).toContain(difference?.code);
  });

  it('does not believe noted leaves that do not fit the head', () => {
    const forged = leaves.with(3, leaves[4] ?? expect.fail());
    const [difference] = found(log.toSpliced(6, 1), { ...whole, leafAt: (n) => forged[n] });
    expect(difference?.code).not.toBe('event_changed');
    expect(found(log, { ...whole, leafAt: (n) => forged[n] })).toEqual([]);
  });
});
