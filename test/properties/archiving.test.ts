// Two logs get the same history; one of them is archived again and again. Every verdict is the same, and with its archives the
// log replays, verifies and explains as a log that was never archived.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import { messageId } from '../../src/domain/core/ids.ts';
import { RETRY_PROFILES } from '../../src/domain/delivery/retry-schedule.ts';
import { deliveryStream } from '../../src/domain/delivery/stream.ts';
import type { Policy } from '../../src/domain/policy/policy.ts';
import { triggerCodec } from '../../src/domain/trigger/events.ts';
import { appendControl } from '../../src/kernel/control/control.ts';
import { systemRuntime } from '../../src/kernel/decider/runtime.ts';
import { changeDelivery } from '../../src/kernel/processes/delivery/delivery-decider.ts';
import { factsOf, NOTIFICATION_RULE } from '../../src/kernel/processes/delivery/read-request.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';
import { archivingWorld, DAY, HOUR, MINUTE, type ArchivingWorld } from '../support/archiving.ts';
import { eventsOf, makeWorld, type World } from '../support/world.ts';

const onRequest = { axis: 'requestedAt' } as const;
const POLICIES: readonly Policy[] = [
  { kind: 'tumbling', windowMs: HOUR, phase: 0, ...onRequest },
  { kind: 'anchored', windowMs: 6 * HOUR, axis: 'recordedAt', per: 'target' },
  { kind: 'rolling', count: 2, windowMs: 4 * HOUR, axis: 'recordedAt' },
  { kind: 'session', gapMs: HOUR, maxMs: 8 * HOUR, axis: 'recordedAt' },
  { kind: 'none' },
];

const step = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('raise' as const),
      user: fc.integer({ min: 1, max: 3 }),
      target: fc.integer({ min: 1, max: 2 }),
      isFeedback: fc.boolean(),
      key: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
      late: fc.constantFrom(0, 0, 0, 2 * HOUR, 3 * DAY),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      ms: fc.constantFrom(5 * MINUTE, 40 * MINUTE, 3 * HOUR, 20 * HOUR),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('policy' as const), n: fc.nat({ max: 4 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('mute' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('cancel' as const), nth: fc.nat({ max: 9 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('deliver' as const),
      nth: fc.nat({ max: 9 }),
      how: fc.constantFrom('accept' as const, 'expire' as const),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('archive' as const) }) },
);

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** The requests of a log, in its order. */
async function requestsIn(world: World): Promise<RecordedEvent[]> {
  return (await eventsOf(world.store)).filter(({ type }) => type === 'NotificationRequested');
}

async function deliver(
  world: World,
  event: RecordedEvent,
  how: 'accept' | 'expire',
): Promise<boolean> {
  const decoded = triggerCodec.decode(event);
  if (decoded.kind !== 'event' || decoded.event.type !== 'NotificationRequested') return false;
  const request = decoded.event.data;
  const notificationId = messageId(event.id, NOTIFICATION_RULE);
  const facts = factsOf({ notificationId, event, request });
  const stream = deliveryStream('tocsin', request.userId, notificationId);
  const rules = { profile: RETRY_PROFILES.human, onUnknown: 'resend' } as const;
  const context = {
    store: world.store,
    runtime: systemRuntime(world.clock),
    rules,
    actor: 'a test',
  };
  const command = how === 'accept' ? ({ kind: how, facts } as const) : ({ kind: how } as const);
  const result = await changeDelivery(context, stream, command);
  return result.ok && result.value.events.length > 0;
}

/** What a step answers, as far as both worlds must agree. */
async function take(world: World, each: Step, raisedIds: string[], requests: RecordedEvent[]) {
  const context = { store: world.store, kernel: 'tocsin', runtime: systemRuntime(world.clock) };
  switch (each.kind) {
    case 'raise': {
      const { user, target, isFeedback, key, late } = each;
      const result = await world.kernel.raise({
        userId: user,
        triggerType: isFeedback ? 'unfinished_feedback' : 'important_urgent_task',
        source: isFeedback ? 'user_feedback' : 'api_trigger',
        targetType: isFeedback ? 'schedule_event' : 'task_pool',
        targetId: target,
        requestedAt: new Date(world.clock.now() - late).toISOString(),
        ...(key === undefined ? {} : { idempotencyKey: `key ${key}` }),
      });
      if (result.outcome === 'raised') raisedIds.push(result.triggerId);
      return result.outcome;
    }
    case 'wait':
      world.clock.advance(each.ms);
      return undefined;
    case 'policy': {
      const policy = POLICIES[each.n] ?? { kind: 'none' as const };
      const data = { triggerType: '*', policy, reason: 'a test' };
      await appendControl(context, () => [{ type: 'NotificationPolicySet', data }]);
      return undefined;
    }
    case 'mute': {
      const data = { triggerType: '*', until: world.clock.now() + HOUR, reason: 'a test' };
      await appendControl(context, () => [{ type: 'NotificationsMuted', data }]);
      return undefined;
    }
    case 'cancel': {
      const triggerId = raisedIds.at(-1 - each.nth);
      if (triggerId === undefined) return undefined;
      return (await world.kernel.cancel({ triggerId, reason: 'a test' })).outcome;
    }
    case 'deliver': {
      const event = requests.at(-1 - each.nth);
      return event && (await deliver(world, event, each.how));
    }
    case 'archive':
      return undefined;
  }
}

/** Answers that may differ: what left the log is refused where it was a duplicate, and is not found. */
const SAME_EFFECT = new Set([
  'duplicate',
  'rejected',
  'unchanged',
  'not_found',
  'idempotency_conflict',
]);

/** The steps give any requests a record, muted ones too, as no worker does. */
const OF_THE_STEPS = new Set(['delivery_missing', 'delivery_without_request']);

function effectOf(answer: unknown): unknown {
  return typeof answer === 'string' && SAME_EFFECT.has(answer) ? 'nothing' : answer;
}

describe('archives', () => {
  it(
    'change no verdict, and the log with them is the log without',
    { timeout: SLOW_TEST_MS },
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 25 }), async (steps) => {
          await using archived = await archivingWorld();
          const plain = await makeWorld();
          await both(archived, plain, (world) => world.project());
          const ids = { archived: [] as string[], plain: [] as string[] };
          const requests = { archived: [] as RecordedEvent[], plain: [] as RecordedEvent[] };
          const names: string[] = [];
          for (const each of steps) {
            const [a, b] = [
              await take(archived, each, ids.archived, requests.archived),
              await take(plain, each, ids.plain, requests.plain),
            ];
            // A delivery of a stream that has left cannot be changed, and it had ended.
            if (each.kind !== 'deliver') expect(effectOf(a)).toEqual(effectOf(b));
            if (each.kind === 'raise') {
              // The archived log must not be asked for what has left it.
              for (const event of await requestsIn(archived)) {
                if (!requests.archived.some(({ id }) => id === event.id))
                  requests.archived.push(event);
              }
              requests.plain = await requestsIn(plain);
            }
            if (each.kind !== 'archive') continue;
            await both(archived, plain, (world) => world.project());
            const name = `${names.length}.ndjson`;
            const { archive } = await archived.archive({ name });
            if (archive !== null) names.push(name);
          }
          await both(archived, plain, (world) => world.project());
          const [audit, other] = [await archived.audit(...names), await plainAudit(plain)];
          const replay = await audit.replay();
          const expected = await other.replay();
          // Under the policy `none` dedupe keys hold ids, which are random; verify compares them with the read model's.
          const counts = { events: 0, dedupeKeysSha256: '' };
          expect({ ...replay, ...counts }).toEqual({ ...expected, ...counts });
          expect(replay.events).toBe(expected.events + names.length);
          expect(verdictsOf(archived)).toEqual(verdictsOf(plain));
          const { mismatches } = await audit.verify();
          expect(mismatches.filter(({ code }) => !OF_THE_STEPS.has(code))).toEqual([]);
          for (const id of ids.archived) {
            expect((await audit.explain(id)).decision?.verdict).toBe(
              (await other.explain(id)).decision?.verdict,
            );
          }
        }),
        { numRuns: 4 },
      );
    },
  );
});

async function both(a: World, b: World, work: (world: World) => Promise<unknown>): Promise<void> {
  await work(a);
  await work(b);
}

async function plainAudit(world: World) {
  const { createAudit } = await import('../../src/kernel/create-audit.ts');
  const { memoryReadModel } = await import('../../src/adapters/memory/read-model.ts');
  return createAudit({ log: world.store, scratch: memoryReadModel, state: world.file.open() });
}

function verdictsOf({ file }: Pick<ArchivingWorld, 'file'>) {
  return file
    .snapshot()
    .verdicts.map(({ verdict, reason, windowStart }) => [verdict, reason, windowStart]);
}
