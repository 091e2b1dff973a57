// Verify: an unchanged world has no differences; each kind of tampering is found and named.
import { expect, test } from 'vitest';
import { memoryReadModel } from '../../src/adapters/memory/read-model.ts';
import type { JsonObject } from '../../src/domain/core/json.ts';
import { messageId } from '../../src/domain/core/ids.ts';
import { deliveryCodec, type DeliveryEventData } from '../../src/domain/delivery/events.ts';
import { deliveryStream } from '../../src/domain/delivery/stream.ts';
import type { RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import { triggerCodec } from '../../src/domain/trigger/events.ts';
import { factsOf } from '../../src/kernel/processes/delivery/read-request.ts';
import type { MessageReader, ReadableLog } from '../../src/projections/audit/reading/ports.ts';
import { MISMATCHES } from '../../src/projections/audit/verify/mismatches.ts';
import { verify } from '../../src/projections/audit/verify/verify.ts';
import type { StoredMessage } from '../../src/projections/output.ts';
import { mutedOf } from '../contracts/read-model.fixtures.ts';
import { kindsOf, verified, viewOf, type Tampering } from '../support/audited.ts';
import { appendControlEvent, appendRaw, poison, resolvePark } from '../support/log-edits.ts';
import { anInput, eventsOf, makeWorld, raised, type World } from '../support/world.ts';

/** Three users; user 1 has three requests in one window, so two are suppressed. */
async function smallWorld(): Promise<World> {
  const world = await makeWorld();
  for (const n of [1, 2, 3]) await raised(world.kernel, anInput(n));
  await raised(world.kernel, anInput(4, { userId: 2 }));
  await raised(world.kernel, anInput(5, { userId: 3, triggerType: 'unfinished_feedback' }));
  await world.project();
  return world;
}

test('verify finds no difference without a change', async () => {
  const world = await smallWorld();
  expect(await verified(world)).toMatchObject({
    triggers: 5,
    published: 3,
    suppressed: 2,
    parked: 0,
    mismatches: [],
    messages: { compared: 8, notVerifiable: 0, foreign: 0, late: 0 },
  });
});

test('verify finds no difference for parked, retried and dropped events', async () => {
  const world = await smallWorld();
  const events = [await poison(world.store, 'a'), await poison(world.store, 'b')];
  await poison(world.store, 'c');
  await world.project();
  for (const [i, event] of events.entries()) {
    await resolvePark(world.store, event, i === 0 ? 'retry' : 'drop');
  }
  await world.project();
  expect(await verified(world)).toMatchObject({ mismatches: [] });
});

test('verify finds no difference for events that are not projected yet', async () => {
  const world = await smallWorld();
  const before = await verified(world);
  await raised(world.kernel, anInput(9, { userId: 9 }));
  const after = await verified(world);
  expect(after).toMatchObject({ events: before.events, published: 3, mismatches: [] });
  expect(after.cut.position).toBe(before.cut.position);
  expect(after.cut.logHead).not.toBe(before.cut.logHead);
});

test('verify compares messages that are stored but not committed', async () => {
  const world = await smallWorld();
  const rows = world.file.snapshot();
  await raised(world.kernel, anInput(9, { userId: 9 }));
  await world.project();
  const old: Tampering = { state: () => rows };
  expect(await verified(world, old)).toMatchObject({ mismatches: [], messages: { compared: 10 } });
  const spoilt = await verified(world, {
    ...old,
    messages: at(9, (m) => ({ ...m, subject: 'other' })),
  });
  expect(kindsOf(spoilt)).toEqual({ message_altered: 1 });
});

test('verify counts foreign messages and finds no difference', async () => {
  const world = await makeWorld();
  await raised(world.kernel, anInput(1));
  await world.project();
  world.output.insertForeign();
  await raised(world.kernel, anInput(2, { userId: 2 }));
  await world.project();
  expect(await verified(world)).toMatchObject({
    mismatches: [],
    messages: { compared: 4, foreign: 1 },
  });
});

test('verify reports messages that the stream discarded as not verifiable', async () => {
  const world = await smallWorld();
  world.output.purgeTo(3n);
  expect(await verified(world)).toMatchObject({
    mismatches: [],
    messages: { compared: 5, notVerifiable: 3 },
  });
});

test('verify reports all messages of an emptied stream as not verifiable', async () => {
  const world = await smallWorld();
  world.output.purgeTo(8n);
  expect(await verified(world)).toMatchObject({
    mismatches: [],
    messages: { compared: 0, notVerifiable: 8 },
  });
});

test('verify compares an adopted stream from its first message', async () => {
  const world = await smallWorld();
  world.output.recreate();
  const recoveryMode = { kind: 'from_now' as const };
  await world.project({ recoveryMode });
  await raised(world.kernel, anInput(7, { userId: 7 }));
  await world.project();
  expect(await verified(world)).toMatchObject({ mismatches: [], messages: { compared: 2 } });
});

/** Changes one message of the stream, by its sequence. */
function at(sequence: number, change: (message: StoredMessage) => StoredMessage) {
  return (stored: StoredMessage[]): StoredMessage[] =>
    stored.map((message) => (message.sequence === BigInt(sequence) ? change(message) : message));
}

/** Changes data of the events of one type. */
function data(type: string, change: JsonObject) {
  return (events: RecordedEvent[]): RecordedEvent[] =>
    events.map((event) =>
      event.type === type ? { ...event, data: Object.assign({}, event.data, change) } : event,
    );
}

const other = '00000000-0000-5000-8000-000000000000';

const CASES: readonly (readonly [what: string, expected: string, tampering: Tampering])[] = [
  [
    'a verdict changed',
    'verdict_changed',
    {
      state: (rows) => ({
        ...rows,
        verdicts: rows.verdicts.with(0, { ...first(rows.verdicts), reason: 'another' }),
      }),
    },
  ],
  [
    'a verdict deleted',
    'verdict_missing',
    { state: (rows) => ({ ...rows, verdicts: rows.verdicts.slice(1) }) },
  ],
  [
    'a verdict added',
    'verdict_extra',
    {
      state: (rows) => ({
        ...rows,
        verdicts: [...rows.verdicts, { ...first(rows.verdicts), event: other }],
      }),
    },
  ],
  [
    'a sent notification changed',
    'notice_changed',
    {
      state: (rows) => ({
        ...rows,
        sentNotifications: rows.sentNotifications.with(0, {
          ...first(rows.sentNotifications),
          windowStart: 0,
        }),
      }),
    },
  ],
  [
    'a sent notification deleted',
    'notice_missing',
    { state: (rows) => ({ ...rows, sentNotifications: rows.sentNotifications.slice(1) }) },
  ],
  [
    'a sent notification added',
    'notice_extra',
    {
      state: (rows) => ({
        ...rows,
        sentNotifications: [
          ...rows.sentNotifications,
          { ...first(rows.sentNotifications), id: other },
        ],
      }),
    },
  ],
  [
    'a count of suppressed requests changed',
    'suppressed_changed',
    {
      state: (rows) => ({
        ...rows,
        suppressedRequests: [{ ...first(rows.suppressedRequests), count: 7 }],
      }),
    },
  ],
  [
    'a count of suppressed requests deleted',
    'suppressed_changed',
    { state: (rows) => ({ ...rows, suppressedRequests: [] }) },
  ],
  [
    'a muted request added',
    'muted_changed',
    { state: (rows) => ({ ...rows, mutedRequests: [mutedOf(other)] }) },
  ],
  [
    'a tail row changed',
    'tail_changed',
    {
      state: (rows) => ({
        ...rows,
        recentMessages: rows.recentMessages.with(2, {
          ...first(rows.recentMessages.slice(2)),
          id: other,
        }),
      }),
    },
  ],
  [
    'totals changed',
    'checkpoint_changed',
    {
      state: (rows) => {
        const { checkpoint } = rows;
        if (checkpoint === undefined) throw new Error('no checkpoint');
        return {
          ...rows,
          checkpoint: { ...checkpoint, counts: { ...checkpoint.counts, published: 9 } },
        };
      },
    },
  ],
  [
    'a message missing',
    'message_missing',
    { messages: (stored) => stored.filter(({ sequence }) => sequence !== 4n) },
  ],
  ['the last message missing', 'message_missing', { messages: (stored) => stored.slice(0, -1) }],
  [
    'a message extra',
    'message_extra',
    {
      messages: (stored) => [...stored, { ...first(stored), sequence: 9n }],
      info: (info) => ({ ...info, lastSequence: 9n }),
    },
  ],
  [
    'a message extra that claims the next ordinal',
    'message_extra',
    {
      messages: (stored) => [
        ...stored,
        {
          ...first(stored),
          sequence: 9n,
          headers: new Map([...first(stored).headers, ['Tocsin-Ordinal', '9']]),
        },
      ],
      info: (info) => ({ ...info, lastSequence: 9n }),
    },
  ],
  [
    'a body altered',
    'message_altered',
    { messages: at(5, (message) => ({ ...message, data: Buffer.from('{"user_id":1}') })) },
  ],
  [
    'a header altered',
    'message_altered',
    {
      messages: at(5, (message) => ({
        ...message,
        headers: new Map([...message.headers, ['ce-id', other]]),
      })),
    },
  ],
  [
    'an ordinal altered',
    'message_altered',
    {
      messages: at(5, (message) => ({
        ...message,
        headers: new Map([...message.headers, ['Tocsin-Ordinal', '7']]),
      })),
    },
  ],
  [
    'an ordinal altered beyond reason',
    'message_altered',
    {
      messages: at(5, (message) => ({
        ...message,
        headers: new Map([...message.headers, ['Tocsin-Ordinal', '999999'], ['ce-id', other]]),
      })),
    },
  ],
  [
    'messages reordered',
    'message_reordered',
    {
      messages: (stored) =>
        stored.map((message, i) => {
          const from = i === 2 ? stored[3] : i === 3 ? stored[2] : message;
          return { ...(from ?? message), sequence: message.sequence };
        }),
    },
  ],
  ['the stream gone', 'output_missing', { info: () => undefined }],
  [
    'the stream another',
    'output_missing',
    { info: (info) => ({ ...info, created: '2020-01-01T00:00:00Z' }) },
  ],
  [
    'an event cut out of a stream',
    'revision_gap',
    { log: (events) => events.filter(({ type }, i) => !(type === 'PreviewOffered' && i < 8)) },
  ],
  ['a control event changed', 'control_changed', { log: data('StoreInitialised', { note: 'x' }) }],
  ['the list’s opening changed', 'control_changed', { log: data('OutputOpened', { reason: 'x' }) }],
  [
    'the store’s id changed',
    'store_changed',
    { log: data('StoreInitialised', { storeId: other }) },
  ],
  [
    'a control event deleted',
    'control_missing',
    { log: (events) => events.filter(({ type }) => type !== 'RulesetActivated') },
  ],
  [
    'a request’s time changed',
    'event_changed',
    { log: data('NotificationRequested', { triggerRequestedAt: '2026-01-01T11:00:00.000Z' }) },
  ],
];

test.each(CASES)('verify finds %s: %s', async (_what, expected, tampering) => {
  const world = await smallWorld();
  const result = await verified(world, tampering);
  expect(kindsOf(result)).toHaveProperty(expected);
  const found = result.mismatches.find(({ code }) => code === expected);
  expect(found).toMatchObject(MISMATCHES[found?.code ?? 'store_changed']);
});

test('verify reports a single change once', async () => {
  const world = await smallWorld();
  for (const [what, expected, tampering] of CASES.slice(0, 12)) {
    const result = await verified(world, tampering);
    expect([what, kindsOf(result)]).toEqual([what, expect.objectContaining({ [expected]: 1 })]);
  }
});

test('verify finds a policy that was changed afterwards, and the verdicts that it changes', async () => {
  const world = await makeWorld();
  const policy = { kind: 'anchored', windowMs: 1_800_000, axis: 'requestedAt' } as const;
  await appendControlEvent(world.store, {
    type: 'NotificationPolicySet',
    data: { triggerType: '*', policy, reason: 'test' },
  });
  for (const n of [1, 2]) await raised(world.kernel, anInput(n));
  await world.project();
  expect(await verified(world)).toMatchObject({ suppressed: 1, mismatches: [] });
  const shorter = { policy: { ...policy, windowMs: 1 } };
  const result = await verified(world, { log: data('NotificationPolicySet', shorter) });
  // The two were raised at the same instant, so any window holds the second one back.
  expect(kindsOf(result)).toEqual({ control_changed: 1 });
});

test('verify finds a control event that the projector did not see', async () => {
  const world = await smallWorld();
  const rows = world.file.snapshot();
  await appendControlEvent(world.store, { type: 'RulesetActivated', data: { ruleset: 1 } });
  await world.project();
  const later = world.file.snapshot();
  const result = await verified(world, { state: () => ({ ...later, control: rows.control }) });
  expect(kindsOf(result)).toEqual({ control_extra: 1 });
});

type Facts = DeliveryEventData<'NotificationAccepted'>;

/** The facts of the first sent notification's record, as the worker reads them from its request. */
async function factsOfFirst(world: World): Promise<Facts> {
  const requests = await eventsOf(world.store);
  const event = requests.find(({ type }) => type === 'NotificationRequested') ?? expect.fail();
  const decoded = triggerCodec.decode(event);
  if (decoded.kind !== 'event' || decoded.event.type !== 'NotificationRequested')
    return expect.fail('a request');
  const notificationId = messageId(event.id, 'notification.requested');
  return factsOf({ notificationId, event, request: decoded.event.data });
}

async function appendDelivery(world: World, facts: Facts, stream?: string) {
  const at = Date.UTC(2026, 0, 1, 10);
  const commandId = crypto.randomUUID();
  const { type, data, metadata } = deliveryCodec.encode(
    { type: 'NotificationAccepted', data: facts },
    { recordedAt: at, correlationId: 'c', causationId: 'c', commandId, actor: 'somebody' },
    'unused',
  );
  const own = deliveryStream('tocsin', '1', facts.notificationId);
  await appendRaw(world.store, stream ?? own, { type, data, metadata });
}

test('verify finds a delivery without a request, and no difference in a requested delivery', async () => {
  const world = await smallWorld();
  const facts = await factsOfFirst(world);
  await appendDelivery(world, facts);
  expect(await verified(world)).toMatchObject({ deliveries: 1, mismatches: [] });
  const source = { ...facts.source, event: other };
  await appendDelivery(world, { ...facts, notificationId: other, source });
  const result = await verified(world);
  expect(kindsOf(result)).toEqual({ delivery_without_request: 1, delivery_changed: 1 });
  expect(result.mismatches.map(({ detail }) => detail).join()).toContain('written by somebody');
});

test('verify finds a delivery in a wrong stream', async () => {
  const world = await smallWorld();
  await appendDelivery(world, await factsOfFirst(world), `tocsin.notification-00-${other}`);
  expect(kindsOf(await verified(world))).toEqual({ delivery_changed: 1 });
});

function first<T>(rows: readonly T[]): T {
  const [row] = rows;
  if (row === undefined) throw new Error('there is none');
  return row;
}

test('verify closes the stream when reading the log fails', async () => {
  const world = await smallWorld();
  await using session = await world.output.connect();
  const info = await session.info();
  let isLeft = false;
  const output: MessageReader = {
    info: () => Promise.resolve(info),
    async *messages() {
      try {
        for (const message of world.output.messages) yield await Promise.resolve([message]);
      } finally {
        isLeft = true;
      }
    },
  };
  const log: ReadableLog = {
    readStream: (...args) => world.store.readStream(...args),
    async *readAll(options) {
      yield* world.store.readAll({ ...options, maxCount: 3 });
      if (options.direction === 'forwards') throw new Error('the disk is gone');
    },
  };
  const verifying = verify({
    log,
    kernel: 'tocsin',
    view: viewOf(world.file.snapshot()),
    output,
    scratch: memoryReadModel(),
    names: { subjectRoot: '', source: '/tocsin' },
  });
  await expect(verifying).rejects.toThrow('the disk is gone');
  expect(isLeft).toBe(true);
});
