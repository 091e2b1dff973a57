// Explain: the story, the decision and the sentence; and how little of the log is read for them.
import { expect, test } from 'vitest';
import { memoryReadModel } from '../../src/adapters/memory/read-model.ts';
import { parseInstant, type Instant } from '../../src/domain/core/instants.ts';
import { deliveryCodec, type DeliveryEvent } from '../../src/domain/delivery/events.ts';
import { deliveryStream } from '../../src/domain/delivery/stream.ts';
import type { ExplainSources } from '../../src/projections/audit/explain/events.ts';
import { explain } from '../../src/projections/audit/explain/explain.ts';
import { explainUser } from '../../src/projections/audit/explain/explain-user.ts';
import { replay } from '../../src/projections/audit/replay/replay.ts';
import { appendControlEvent, appendRaw, poison, resolvePark } from '../support/log-edits.ts';
import { anInput, makeWorld, raised, START, type World } from '../support/world.ts';

const begin = instant(START);
const MINUTE = 60_000;

function instant(text: string): Instant {
  const parsed = parseInstant(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

/** The verdicts of a world's log, and the log. */
async function sourcesOf(world: World): Promise<ExplainSources> {
  const verdicts = memoryReadModel();
  await replay(world.store, verdicts, 'tocsin');
  return { log: world.store, kernel: 'tocsin', verdicts };
}

/** Two requests in one window, ten minutes apart: the second is suppressed. */
async function twoInOneWindow() {
  const world = await makeWorld();
  const first = await raised(world.kernel, anInput(1));
  world.clock.advance(10 * MINUTE);
  const second = await raised(world.kernel, anInput(2));
  return { world, first, second, sources: await sourcesOf(world) };
}

test('explain reports why a request was published', async () => {
  const { first, second, sources } = await twoInOneWindow();
  const explained = await explain(sources, first.triggerId);
  expect(explained.story.map(({ type }) => type)).toEqual([
    'RulesetActivated',
    'TriggerRaised',
    'PreviewOffered',
    'NotificationRequested',
  ]);
  expect(explained).toMatchObject({
    userId: '1',
    mock: false,
    decision: {
      verdict: 'published',
      reason: 'first_in_window',
      ruleset: 1,
      policy: 'tumbling 30m on requestedAt',
      windowStart: START,
      notice: { triggerId: first.triggerId, happenedAt: START },
    },
    suppressed: [{ triggerId: second.triggerId, happenedAt: '2026-01-01T10:10:00.000Z' }],
    suppressedMore: false,
    sentence:
      'For important urgent task about task pool 1, 2026-01-01 10:00 UTC, a notification was sent; whether it was delivered is not recorded.',
  });
});

test('explain reports why a request was suppressed, and by which notification', async () => {
  const { first, second, sources } = await twoInOneWindow();
  const explained = await explain(sources, second.triggerId);
  expect(explained).toMatchObject({
    decision: {
      verdict: 'suppressed',
      reason: 'within_window',
      meaning: 'a notification holds the window',
      notificationId: null,
      notice: { triggerId: first.triggerId },
    },
    suppressed: [],
    sentence:
      'For important urgent task about task pool 2, 2026-01-01 10:10 UTC, no notification was sent, because the notification of 2026-01-01 10:00 UTC had already been sent within the same time window.',
  });
  // The request of the notification that holds the window is part of the story.
  expect(explained.story.filter(({ type }) => type === 'NotificationRequested')).toHaveLength(2);
});

test('explain accepts the id of a notification and of a preview', async () => {
  const { first, sources } = await twoInOneWindow();
  const byTrigger = await explain(sources, first.triggerId);
  const id = byTrigger.decision?.notificationId ?? '';
  expect(await explain(sources, id)).toEqual(byTrigger);
  expect(await explain(sources, first.triggerId.replace('ast_', 'asp_'))).toEqual(byTrigger);
});

test.each(['ast_nonsense', 'x', '00000000-0000-5000-8000-000000000000', `ast_${'0'.repeat(34)}_1`])(
  'explain reports that %s is unknown',
  async (id) => {
    const { sources } = await twoInOneWindow();
    await expect(explain(sources, id)).rejects.toMatchObject({ kind: 'usage', code: 'not_found' });
  },
);

test('explain names the policy that was in force at the decision', async () => {
  const world = await makeWorld();
  const policy = { kind: 'anchored', windowMs: 60 * MINUTE, axis: 'requestedAt' } as const;
  const before = await raised(world.kernel, anInput(1));
  const data = { triggerType: '*', policy, reason: 'fewer' };
  await appendControlEvent(world.store, { type: 'NotificationPolicySet', data });
  world.clock.advance(40 * MINUTE);
  const after = await raised(world.kernel, anInput(2));
  const until = begin + 500 * MINUTE;
  const mute = { triggerType: 'important_urgent_task', until, reason: 'storm' };
  await appendControlEvent(world.store, { type: 'NotificationsMuted', data: mute });
  world.clock.advance(100 * MINUTE);
  const muted = await raised(world.kernel, anInput(3));
  const sources = await sourcesOf(world);
  const policies = [before, after, muted].map(async ({ triggerId }) => {
    const { decision, story } = await explain(sources, triggerId);
    return [
      decision?.reason,
      decision?.policy,
      story.find(({ type }) => type === 'NotificationPolicySet')?.text,
    ];
  });
  const fewer = 'the policy for * was set to anchored 1h on requestedAt (fewer)';
  expect(await Promise.all(policies)).toEqual([
    ['first_in_window', 'tumbling 30m on requestedAt', undefined],
    ['within_window', 'anchored 1h on requestedAt', fewer],
    ['silenced', 'anchored 1h on requestedAt, muted until 2026-01-01T18:20:00.000Z', fewer],
  ]);
});

async function deliver(world: World, id: string, at: Instant, event: DeliveryEvent) {
  const ids = { correlationId: 'c', causationId: 'c', commandId: 'c', actor: 'worker' };
  const { type, data, metadata } = deliveryCodec.encode(event, { recordedAt: at, ...ids }, 'x');
  await appendRaw(world.store, deliveryStream('tocsin', '1', id), { type, data, metadata });
}

test('explain lists the delivery attempts, also those known at an earlier time', async () => {
  const { world, first, second, sources } = await twoInOneWindow();
  const id = (await explain(sources, first.triggerId)).decision?.notificationId ?? '';
  const about = {
    notificationId: id,
    userId: '1',
    triggerType: 'important_urgent_task',
    mock: false,
  };
  const at = (minutes: number): Instant => begin + minutes * MINUTE;
  await deliver(world, id, at(11), {
    type: 'AttemptStarted',
    data: { ...about, attempt: 1, leaseUntil: at(12), channelVersion: 1 },
  });
  await deliver(world, id, at(12), {
    type: 'AttemptFailed',
    data: { ...about, attempt: 1, code: 'http_503', nextAt: at(15) },
  });
  await deliver(world, id, at(15), { type: 'AttemptSucceeded', data: { ...about, attempt: 2 } });
  const explained = await explain(sources, first.triggerId, at(13));
  expect(explained.story.slice(4)).toMatchObject([
    { type: 'AttemptStarted', actor: 'worker', text: 'attempt 1 started' },
    { text: 'attempt 1 failed: http_503; next at 2026-01-01T10:15:00.000Z' },
    { text: 'attempt 2 succeeded' },
  ]);
  expect(explained.sentence).toMatch(/a notification was sent, and delivered at attempt 2\.$/);
  expect(explained.asOf?.sentence).toMatch(
    /a notification was sent, and its delivery is under way\.$/,
  );
  expect(explained.asOf?.known).toHaveLength(explained.story.length - 1);
  // The deliveries of the notification that holds the window belong to the other story too.
  const other = await explain(sources, second.triggerId);
  expect(other.story.at(-1)).toMatchObject({ type: 'AttemptSucceeded' });
});

test('explain separates what was known at a time from what had happened by then', async () => {
  const world = await makeWorld();
  world.clock.advance(60 * MINUTE);
  const late = await raised(world.kernel, anInput(1, { requestedAt: START }));
  const sources = await sourcesOf(world);
  const between = begin + 30 * MINUTE;
  const explained = await explain(sources, late.triggerId, between);
  expect(explained.asOf).toMatchObject({
    sentence: null,
    happenedUnknown: [{ type: 'TriggerRaised' }, { type: 'NotificationRequested' }],
  });
  expect(await explainUser(sources, '1', between)).toMatchObject({
    known: [],
    happenedUnknown: [{ triggerId: late.triggerId, happenedAt: START }],
    latest: null,
    sentence:
      'Up to 2026-01-01T10:30:00.000Z no notification had been requested. Requests that had happened by then, but were recorded later: 1.',
  });
  const after = await explainUser(sources, '1', begin + 61 * MINUTE);
  expect(after).toMatchObject({ known: [{ verdict: 'published' }], happenedUnknown: [] });
  expect(after.latest?.triggerId).toBe(late.triggerId);
  expect(await explainUser(sources, '2', between)).toMatchObject({ known: [], latest: null });
});

test('explain reports the later decision of a parked request', async () => {
  const world = await makeWorld();
  const { triggerId } = await raised(world.kernel, anInput(1));
  const event = await poison(world.store);
  await resolvePark(world.store, event, 'retry');
  const sources = await sourcesOf(world);
  expect(await explain(sources, triggerId)).toMatchObject({ decision: { verdict: 'published' } });
});

test('explain reports no decision for events that are not projected', async () => {
  const world = await makeWorld();
  const { triggerId } = await raised(world.kernel, anInput(1));
  const explained = await explain(
    { log: world.store, kernel: 'tocsin', verdicts: memoryReadModel() },
    triggerId,
  );
  expect(explained.decision).toBeNull();
  expect(explained.sentence).toMatch(/whether it is sent is not decided yet\.$/);
});

test('explain reads as much of a long log as of a short log', async () => {
  const counts: { events: number; rows: number }[] = [];
  for (const others of [5, 400]) {
    const world = await makeWorld();
    const { triggerId } = await raised(world.kernel, anInput(1));
    world.clock.advance(MINUTE);
    await raised(world.kernel, anInput(2));
    for (let n = 1; n <= others; n += 1) await raised(world.kernel, anInput(n, { userId: 1 + n }));
    const sources = await sourcesOf(world);
    const counted = { events: 0, rows: 0 };
    const watched = counting(sources, counted);
    const id = (await explain(watched, triggerId)).decision?.notificationId ?? '';
    await explain(watched, id);
    await explainUser(watched, '1', begin + 5 * MINUTE);
    counts.push(counted);
  }
  expect(counts[1]).toEqual(counts[0]);
  expect(counts[0]?.events).toBeLessThan(60);
  expect(counts[0]?.rows).toBeLessThan(40);
});

/** Counts every event and every row that leaves the sources. */
function counting(
  { log, kernel, verdicts }: ExplainSources,
  counted: { events: number; rows: number },
): ExplainSources {
  const one = <T>(row: T): T => {
    counted.rows += row === undefined ? 0 : 1;
    return row;
  };
  return {
    kernel,
    log: {
      async *readStream(stream, options) {
        for await (const page of log.readStream(stream, options)) {
          counted.events += page.length;
          yield page;
        }
      },
    },
    verdicts: {
      verdictAt: (position) => one(verdicts.verdictAt(position)),
      verdictOfMessage: (id) => one(verdicts.verdictOfMessage(id)),
      verdictsAbout: (user, span) => verdicts.verdictsAbout(user, span).map(one),
    },
  };
}
