// Poison is parked, loudly; what comes after it passes. An operator's decision about it is an event, and
// counts once and only for what is parked.
import { describe, expect, it } from 'vitest';
import { memoryReadModel } from '../../src/testing.ts';
import { triggerCodec } from '../../src/domain/trigger/events.ts';
import type { RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import type { JsonObject } from '../../src/domain/core/json.ts';
import { replay } from '../../src/projections/audit/replay/replay.ts';
import type { Policy } from '../../src/domain/policy/policy.ts';
import { derivedDifferences, verified } from '../support/audited.ts';
import { storedList } from '../support/decided.ts';
import { appendRaw, metadata, poison, resolvePark, triggerStreamOf } from '../support/log-edits.ts';
import { setPolicy } from '../support/policies.ts';
import { anInput, eventsOf, makeWorld, raised, type World } from '../support/world.ts';

const AT = '2026-01-01T10:00:00.000Z';

const parkedIn = ({ file }: World): string[] => file.snapshot().parked.map(({ event }) => event);

const verdictsIn = ({ file }: World): string[] =>
  file.snapshot().verdicts.map(({ verdict, reason }) => `${verdict} ${reason}`);

/** A request that is well-formed and whose message would be too large for any server. */
async function tooLarge({ store }: World): Promise<RecordedEvent> {
  const at = Date.UTC(2026, 0, 1, 10);
  const id = crypto.randomUUID();
  const ids = { correlationId: id, causationId: id, commandId: id };
  const {
    type,
    data,
    metadata: stored,
  } = triggerCodec.encode(
    {
      type: 'NotificationRequested',
      data: {
        triggerId: 'ast_x',
        occurrence: 1,
        previewId: 'asp_x',
        userId: '1',
        triggerType: 'important_urgent_task',
        targetType: 'task_pool',
        targetId: '7',
        channel: 'feishu',
        targetUrl: '/x',
        traceId: 'trace',
        triggerRequestedAt: at,
        requestedAt: at,
        expiresAt: at + 1,
        mock: false,
        personal: { summary: 'x'.repeat(256 * 1024), fallbackText: '' },
      },
    },
    { recordedAt: at, ...ids },
    id,
  );
  return appendRaw(store, triggerStreamOf('large'), { type, data, metadata: stored });
}

describe('projector with an event that it cannot decide', () => {
  const cases: [string, string, { type?: string; data?: JsonObject; metadata?: JsonObject }][] = [
    ['data of another shape', 'schema_invalid', { data: { nonsense: true } }],
    ['unreadable metadata', 'metadata_invalid', { metadata: { schemaVersion: 'one' } }],
    ['a newer version', 'newer_version', { metadata: metadata(AT, { schemaVersion: 2 }) }],
    [
      'an unknown type and mustUnderstand',
      'must_understand',
      { type: 'PreviewMoved', metadata: metadata(AT, { mustUnderstand: true }) },
    ],
  ];

  it.each(cases)('parks an event with %s, and decides later events', async (_name, code, event) => {
    const world = await makeWorld();
    const bad = await appendRaw(world.store, triggerStreamOf('bad'), {
      type: 'NotificationRequested',
      data: {},
      metadata: metadata(AT),
      ...event,
    });
    await raised(world.kernel, anInput(1));
    expect(await world.project()).toMatchObject({ parked: 1, triggered: 1, published: 1 });
    expect(world.file.snapshot().parked).toMatchObject([{ event: bad.id, code, ruleset: 1 }]);
    expect(world.output.messages).toHaveLength(2);
  });

  it('skips and counts an event of an unknown type', async () => {
    const world = await makeWorld();
    await appendRaw(world.store, triggerStreamOf('new'), {
      type: 'PreviewMoved',
      data: {},
      metadata: {},
    });
    await raised(world.kernel, anInput(1));
    expect(await world.project()).toMatchObject({ parked: 0, published: 1 });
    expect(world.file.snapshot().checkpoint?.counts).toMatchObject({ unknown: 1 });
  });

  it('parks a request whose message is too large, and leaves its window open', async () => {
    const world = await makeWorld();
    const large = await tooLarge(world);
    await raised(world.kernel, anInput(1, { requestedAt: AT }));
    await world.project();
    expect(verdictsIn(world)).toEqual(['parked message_too_large', 'published first_in_window']);
    expect(parkedIn(world)).toEqual([large.id]);
  });

  it('parks the same events in a replay', async () => {
    const world = await makeWorld();
    await poison(world.store);
    await tooLarge(world);
    await raised(world.kernel, anInput(1));
    await world.project();
    const again = memoryReadModel();
    expect(await replay(world.store, again, 'tocsin')).toMatchObject({ parked: 2, published: 1 });
    expect(again.snapshot().parked).toEqual(world.file.snapshot().parked);
  });
});

/**
 * Makes an event of a log readable that was not, as a later version of the code would: `retry` must
 * then decide it at the position of the operator's decision.
 */
async function readableLater(world: World): Promise<RecordedEvent> {
  await raised(world.kernel, anInput(1, { requestedAt: AT }));
  const request = (await eventsOf(world.store)).find(
    ({ type }) => type === 'NotificationRequested',
  );
  if (request === undefined) throw new Error('it was raised');
  return request;
}

describe('operator decision about a parked event', () => {
  it('removes the event from the parked events once when it is drop', async () => {
    const world = await makeWorld();
    const bad = await poison(world.store);
    await world.project();
    await resolvePark(world.store, bad, 'drop');
    await resolvePark(world.store, bad, 'drop');
    await resolvePark(world.store, bad, 'retry');
    await world.project();
    expect(parkedIn(world)).toEqual([]);
    expect(verdictsIn(world)).toEqual(['parked schema_invalid']);
    expect(world.output.messages).toEqual([]);
  });

  it('parks the event again when it is retry and the event is still unreadable', async () => {
    const world = await makeWorld();
    const bad = await poison(world.store);
    await world.project();
    await resolvePark(world.store, bad, 'retry');
    await world.project();
    expect(parkedIn(world)).toEqual([bad.id]);
    await resolvePark(world.store, bad, 'drop');
    await world.project();
    expect(parkedIn(world)).toEqual([]);
  });

  it('counts in the same page as its event', async () => {
    const world = await makeWorld();
    const bad = await poison(world.store);
    await resolvePark(world.store, bad, 'retry');
    await resolvePark(world.store, bad, 'drop');
    await resolvePark(world.store, bad, 'retry');
    await world.project();
    expect(parkedIn(world)).toEqual([]);
  });

  it.each(['retry', 'drop'] as const)(
    'changes nothing when it is %s and the event is not parked',
    async (action) => {
      const world = await makeWorld();
      const request = await readableLater(world);
      await world.project();
      const before = storedList(world.output);
      await resolvePark(world.store, request, action);
      await resolvePark(world.store, { ...request, id: crypto.randomUUID() }, action);
      expect(await world.project()).toMatchObject({ published: 0, suppressed: 0, parked: 0 });
      expect(storedList(world.output)).toEqual(before);
      expect(verdictsIn(world)).toEqual(['published first_in_window']);
    },
  );

  it('leaves the event parked when retry names a stream that lacks it', async () => {
    const world = await makeWorld();
    const bad = await poison(world.store);
    await world.project();
    await resolvePark(world.store, { ...bad, stream: triggerStreamOf('elsewhere') }, 'retry');
    await resolvePark(world.store, { ...bad, revision: 9n }, 'retry');
    await world.project();
    expect(parkedIn(world)).toEqual([bad.id]);
  });
});

describe('retried request that has become readable', () => {
  /** A read model that remembers the request as parked, as older code left it. */
  async function parkedByOlderCode(): Promise<{ world: World; request: RecordedEvent }> {
    const world = await makeWorld();
    const request = await readableLater(world);
    await world.project();
    const owner = world.file.open();
    const checkpoint = owner.checkpoint();
    if (checkpoint === undefined) throw new Error('it was projected');
    const { id: event, position, stream, revision, type } = request;
    const row = { event, position, stream, revision, type, code: 'x', detail: 'x', ruleset: 1 };
    const { sentNotifications, recentMessages, verdicts } = owner.snapshot();
    const notPublished = { basis: null, messageId: null, sequence: null };
    owner.reset();
    owner.commit({
      checkpoint,
      sentNotifications,
      amended: [],
      verdicts: verdicts.map((verdict) =>
        verdict.event === event
          ? { ...verdict, ...notPublished, verdict: 'parked', reason: 'x' }
          : verdict,
      ),
      recentMessages,
      parked: [row],
      unparked: [],
    });
    return { world, request };
  }

  it('is decided at the position and time of the retry', async () => {
    const { world, request } = await parkedByOlderCode();
    await resolvePark(world.store, request, 'retry');
    await resolvePark(world.store, request, 'retry');
    const { suppressed, published } = await world.project();
    // Its window is held by now: by itself, in this made-up past. Either way it is one verdict more.
    expect({ suppressed, published }).toEqual({ suppressed: 1, published: 0 });
    const verdicts = world.file.snapshot().verdicts.filter(({ event }) => event === request.id);
    expect(verdicts).toHaveLength(1);
    const [verdict] = verdicts;
    expect(verdict?.position.commit).toBeGreaterThan(request.position.commit);
    expect(parkedIn(world)).toEqual([]);
  });
});

describe('parked request that is retried under another policy', () => {
  const anchored: Policy = { kind: 'anchored', windowMs: 3_600_000, axis: 'requestedAt' };
  const verdictsOn = ({ file }: World, { id }: RecordedEvent): string[] =>
    file
      .snapshot()
      .verdicts.filter(({ event }) => event === id)
      .map(({ verdict, reason }) => `${verdict} ${reason}`);

  /** A request of ten o'clock whose message is too large, and a notification sent forty minutes before. */
  async function largeAfterNotice(pageEntries: number) {
    const world = await makeWorld({ pageEntries });
    await raised(world.kernel, anInput(1, { requestedAt: '2026-01-01T09:20:00.000Z' }));
    const large = await tooLarge(world);
    return { world, large };
  }

  const folds = [1, 2, 512].flatMap((pageEntries) => [
    { pageEntries, projects: 'once, at the end' as const },
    { pageEntries, projects: 'before the policy, and at the end' as const },
    { pageEntries, projects: 'after each step' as const },
  ]);

  it.each(folds)(
    'is decided by the policy in force at the retry, live and in a replay ($pageEntries entries a page, $projects)',
    async ({ pageEntries, projects }) => {
      const { world, large } = await largeAfterNotice(pageEntries);
      const passed = async (): Promise<void> => {
        if (projects === 'after each step') await world.project();
      };
      if (projects === 'before the policy, and at the end') await world.project();
      await passed();
      // Half an hour apart, as the log begins, they have nothing to do with each other: it stays parked.
      await resolvePark(world.store, large, 'retry');
      await passed();
      if (projects === 'after each step') {
        expect(verdictsOn(world, large)).toEqual(['parked message_too_large']);
      }
      await setPolicy(world.store, anchored);
      await passed();
      await resolvePark(world.store, large, 'retry');
      await passed();
      // Decided once and for all: a policy that is in force later does not change it.
      await setPolicy(world.store, { ...anchored, windowMs: 60_000 });
      await resolvePark(world.store, large, 'retry');
      await world.project();

      expect(verdictsOn(world, large)).toEqual(['suppressed within_window']);
      const { verdicts, sentNotifications } = world.file.snapshot();
      expect(verdicts.find(({ event }) => event === large.id)?.basis).toBe(
        sentNotifications[0]?.id,
      );
      expect(parkedIn(world)).toEqual([]);
      const again = memoryReadModel();
      const replayed = await replay(world.store, again, 'tocsin');
      expect(replayed).toMatchObject({ published: 1, suppressed: 1, parked: 2 });
      expect(world.file.snapshot().checkpoint?.counts).toMatchObject({ parked: 2, suppressed: 1 });
      const decided = again.snapshot().verdicts.map((row) => ({ ...row, sequence: null }));
      expect(decided).toEqual(verdicts.map((row) => ({ ...row, sequence: null })));
      expect(derivedDifferences(await verified(world))).toEqual([]);
    },
  );

  it('stays parked when the policy in force no longer suppresses it', async () => {
    const { world, large } = await largeAfterNotice(2);
    await world.project();
    await setPolicy(world.store, anchored);
    await setPolicy(world.store, { ...anchored, windowMs: 60_000 });
    await resolvePark(world.store, large, 'retry');
    await world.project();
    expect(verdictsOn(world, large)).toEqual(['parked message_too_large']);
    expect(parkedIn(world)).toEqual([large.id]);
    expect(derivedDifferences(await verified(world))).toEqual([]);
  });
});
