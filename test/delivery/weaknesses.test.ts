// Weaknesses of the system that this replaces (docs/weaknesses.md). Each test checks the present rule, and that
// the planted old rule fails.
import { expect, test } from 'vitest';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { STRICT_RULES } from '../../src/domain/channel/address.ts';
import { parseChannel } from '../../src/domain/channel/commands.ts';
import { withoutSecretsOf } from '../../src/domain/channel/without-secrets.ts';
import { TocsinError } from '../../src/domain/core/errors.ts';
import { decideDelivery } from '../../src/domain/delivery/decide.ts';
import { nextAttemptAt, RETRY_PROFILES } from '../../src/domain/delivery/retry-schedule.ts';
import { evolveDelivery, type DeliveryState } from '../../src/domain/delivery/state.ts';
import { deliveryStream } from '../../src/domain/delivery/stream.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { scheduleTriggers } from '../../src/schedule/triggers.ts';
import { cleanSummary } from '../../src/domain/notification/texts.ts';
import type { RequestMessage } from '../../src/kernel/processes/delivery/request-queue.ts';
import { intakeMessage, type IntakeOptions } from '../../src/kernel/processes/delivery/intake.ts';
import { deliveryContext } from '../../src/kernel/processes/delivery/processes.ts';
import { changeDelivery } from '../../src/kernel/processes/delivery/delivery-decider.ts';
import { systemRuntime } from '../../src/kernel/decider/runtime.ts';
import {
  accepted,
  facts,
  failed,
  HOUR,
  HUMAN,
  LEASE_MS,
  started,
  T0,
} from '../domain/delivery.support.ts';
import { mended } from '../support/mended.ts';
import { eventsOf } from '../support/world.ts';
import { deliveryWorld } from './world.support.ts';

const stateOf = (...events: readonly Parameters<typeof evolveDelivery>[1][]): DeliveryState =>
  events.reduce<DeliveryState>(evolveDelivery, undefined);

const STREAM = deliveryStream('tocsin', facts.userId, facts.notificationId);

function recordsOn(store: EventStore) {
  return deliveryContext({ store, runtime: { ...systemRuntime(), now: () => T0 } });
}

test('W1: an attempt without an outcome ends a margin after its lease', async () => {
  await mended(
    (decide: typeof decideDelivery) => {
      const state = stateOf(accepted, started(1, 0));
      const context = { recordedAt: T0 + 2 * LEASE_MS, rules: HUMAN };
      const decided = decide(state, { kind: 'expire_lease', attempt: 1 }, context);
      expect(decided).toMatchObject({ ok: true, value: [{ type: 'AttemptOutcomeUnknown' }] });
    },
    {
      ours: decideDelivery,
      // Only who set it to `sending` may take it from there.
      planted: (state, command, context) =>
        command.kind === 'expire_lease'
          ? { ok: true, value: [] }
          : decideDelivery(state, command, context),
    },
  );
});

test('W3: a message is acknowledged when its delivery is recorded, and not before', async () => {
  await using world = await deliveryWorld();
  const notice = await world.notify();
  const sent = world.output.messages.find(({ headers }) => new Map(headers).has('Tocsin-Revision'));
  if (sent === undefined) throw new Error('nothing was sent');
  const message: RequestMessage = {
    sequence: sent.sequence,
    subject: sent.subject,
    headers: await headersOf(world.store, notice.id),
  };
  const gone = new TocsinError('unavailable', 'store_away', 'gone', { hint: 'Try again.' });
  const store: EventStore = {
    ...world.store,
    readStream: (...args) => world.store.readStream(...args),
    append: () => Promise.reject(gone),
  };
  const options = { ...recordsOn(store), kernel: 'tocsin', requests: world.requests };
  await mended(
    async (rule: typeof intakeMessage) => {
      const settled = await rule(options, message).catch(() => 'it comes again');
      expect(settled).toBe('it comes again');
      expect(await world.delivery(notice)).toBeUndefined();
    },
    { ours: intakeMessage, planted: takeFirst },
  );
});

/** The message is acknowledged, and then what it says is written, if the process still lives. */
async function takeFirst(options: IntakeOptions, message: RequestMessage) {
  void intakeMessage(options, message).catch(() => 'lost');
  return Promise.resolve('ack' as const);
}

async function headersOf(store: EventStore, id: string): Promise<ReadonlyMap<string, string>> {
  const request = (await eventsOf(store)).find(({ type }) => type === 'NotificationRequested');
  return new Map([
    ['ce-id', id],
    ['Tocsin-Stream', request?.stream ?? ''],
    ['Tocsin-Revision', String(request?.revision)],
  ]);
}

test('W9: only one of two workers starts an attempt', async () => {
  await mended(
    async (planted: boolean) => {
      const plain = memoryStore();
      const store = planted ? withoutRevisions(plain) : plain;
      const records = recordsOn(store);
      await changeDelivery(records, STREAM, { kind: 'accept', facts });
      const begin = { kind: 'start', attempt: 1, leaseMs: LEASE_MS, channelVersion: 1 } as const;
      await Promise.all([
        changeDelivery(records, STREAM, begin),
        changeDelivery(records, STREAM, begin),
      ]);
      const begun = (await eventsOf(plain)).filter(({ type }) => type === 'AttemptStarted');
      expect(begun).toHaveLength(1);
    },
    { ours: false, planted: true },
  );
});

/** A row that whoever comes last has written. */
function withoutRevisions(store: EventStore): EventStore {
  return {
    ...store,
    readStream: (...args) => store.readStream(...args),
    async append(stream, expected, events, options) {
      const result = await store.append(stream, expected, events, options);
      if (result.outcome !== 'conflict') return result;
      return store.append(stream, result.actual, events, options);
    },
  };
}

test('W10: a redelivered request starts no attempt', async () => {
  await mended(
    (decide: typeof decideDelivery) => {
      const state = stateOf(accepted, started(1, 0), failed(1, 60_000));
      const context = { recordedAt: T0 + 30_000, rules: HUMAN };
      expect(decide(state, { kind: 'accept', facts }, context)).toEqual({ ok: true, value: [] });
    },
    {
      ours: decideDelivery,
      planted: (state, command, context) =>
        command.kind === 'accept' && state !== undefined
          ? { ok: true, value: [started(state.attempts + 1, 30_000)] }
          : decideDelivery(state, command, context),
    },
  );
});

test('W11: no wait is longer than until the end of the preview', async () => {
  await mended(
    (next: typeof nextAttemptAt) => {
      const now = T0 + HOUR - 60_000;
      const { notificationId, expiresAt } = facts;
      const profile = RETRY_PROFILES.seed;
      const at = next({ profile, notificationId, used: 4, attempt: 4, now, expiresAt });
      expect(at).toBeLessThanOrEqual(expiresAt);
    },
    {
      ours: nextAttemptAt,
      planted: (options) => nextAttemptAt({ ...options, expiresAt: Infinity }),
    },
  );
});

test('W19: details of a receiver are recorded without the secrets of the channel', async () => {
  const url = 'https://www.feishu.cn/flow/api/trigger-webhook/canary0123456789';
  const secrets = { url, bearerToken: 'a-bearer-token', secret: 'a-signing-secret' };
  const target = { channel: 'feishu', kind: 'feishu_flow', version: 1, ...secrets } as const;
  await mended(
    (clean: typeof withoutSecretsOf) => {
      const kept = clean(
        `no ${url}; canary0123456789, ${secrets.bearerToken}: ${secrets.secret}`,
        target,
      );
      expect(kept).toBe('no ***; ***, ***: ***');
    },
    { ours: withoutSecretsOf, planted: (text) => text },
  );
});

test('W20: the schedule product uses no summary with a link, not even cut', async () => {
  await mended(
    (clean: (summary: string) => string) => {
      expect(clean(`Open https://evil.example/${'x'.repeat(300)}`)).toBe('');
      expect(clean('Open www.evil.example')).toBe('');
    },
    {
      ours: (summary) => cleanSummary(summary, scheduleTriggers[0]?.summaryLinks).text,
      // The first link is cut off, and whatever stands before and behind it is sent.
      planted: (summary) => summary.replace(/https?:\/\/\S+/, '').trim(),
    },
  );
});

test('W24: wrong input is rejected with a code and a field', async () => {
  await mended(
    (parse: typeof parseChannel) => {
      const input = { userId: '42', channel: 'feishu', url: 'http://x' } as const;
      expect(() => parse(input, STRICT_RULES), 'expected no throw').not.toThrow();
      expect(parse(input, STRICT_RULES)).toMatchObject({
        ok: false,
        error: { code: 'invalid_url', issues: [{ field: 'url' }] },
      });
    },
    {
      ours: parseChannel,
      planted: () => {
        throw new Error('500');
      },
    },
  );
});
