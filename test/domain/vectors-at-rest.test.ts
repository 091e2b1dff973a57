// Test vectors of stored events and of messages: a change makes existing logs unreadable or breaks
// consumers. The ids are those of vectors.test.ts; all other values are written by hand.
import { describe, expect, it } from 'vitest';
import { MessageHeaders, parseMessage } from '../../src/contracts.ts';
import { controlCodec, type ControlEvent } from '../../src/domain/control/events.ts';
import { idempotencyCodec } from '../../src/domain/idempotency/events.ts';
import type { JsonObject } from '../../src/domain/core/json.ts';
import type { NotificationFacts } from '../../src/domain/contracts/mapping.ts';
import { triggerCodec, type TriggerEvent } from '../../src/domain/trigger/events.ts';
import {
  draftNotification,
  draftTriggered,
  encodeSubjectToken,
  render,
} from '../../src/projections/dedupe/messages.ts';
import { classify } from '../../src/projections/dedupe/classify.ts';

const STREAM = 'tocsin.trigger-22-626ea8e6-43a5-5e3a-bc19-cb2c85142695';
const TAIL = '22626ea8e643a55e3abc19cb2c85142695_1';
const COMMAND = '11111111-1111-4111-8111-111111111111';
const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

const metadata = {
  recordedAt: Date.UTC(2026, 3, 30, 2, 17, 43, 5),
  correlationId: COMMAND,
  causationId: COMMAND,
  commandId: COMMAND,
  traceparent: TRACEPARENT,
  actor: undefined,
};

const id = { triggerId: `ast_${TAIL}`, occurrence: 1 };
const requestedAt = Date.UTC(2026, 3, 30, 2, 17, 42);

const raised: TriggerEvent = {
  type: 'TriggerRaised',
  data: {
    ...id,
    userId: '42',
    triggerType: 'important_urgent_task',
    source: 'api_trigger',
    targetType: 'task_pool',
    targetId: '7',
    feedbackId: undefined,
    idempotencyKey: 'order:1',
    dedupeKey: '42:important_urgent_task:task_pool:7:2026-04-30T02:00:00Z',
    traceId: 'trace_1',
    requestedAt,
    contract: 'active_schedule.triggered',
    personal: { payload: { title: 'Essay' } },
  },
};

const requested: TriggerEvent = {
  type: 'NotificationRequested',
  data: {
    ...id,
    previewId: `asp_${TAIL}`,
    userId: '42',
    triggerType: 'important_urgent_task',
    targetType: 'task_pool',
    targetId: '7',
    channel: 'feishu',
    targetUrl: `/schedule-adjust/asp_${TAIL}`,
    traceId: 'trace_1',
    triggerRequestedAt: requestedAt,
    requestedAt: metadata.recordedAt,
    expiresAt: metadata.recordedAt + 3_600_000,
    mock: false,
    personal: { summary: 'Soon.', fallbackText: `Soon. Take a look: /schedule-adjust/asp_${TAIL}` },
  },
};

const raisedAtRest = {
  triggerId: `ast_${TAIL}`,
  occurrence: 1,
  userId: '42',
  triggerType: 'important_urgent_task',
  targetType: 'task_pool',
  targetId: '7',
  source: 'api_trigger',
  idempotencyKey: 'order:1',
  dedupeKey: '42:important_urgent_task:task_pool:7:2026-04-30T02:00:00Z',
  traceId: 'trace_1',
  requestedAt: '2026-04-30T02:17:42.000Z',
  contract: 'active_schedule.triggered',
  personal: { payload: { title: 'Essay' } },
};

const requestedAtRest = {
  triggerId: `ast_${TAIL}`,
  occurrence: 1,
  previewId: `asp_${TAIL}`,
  userId: '42',
  triggerType: 'important_urgent_task',
  targetType: 'task_pool',
  targetId: '7',
  channel: 'feishu',
  targetUrl: `/schedule-adjust/asp_${TAIL}`,
  traceId: 'trace_1',
  triggerRequestedAt: '2026-04-30T02:17:42.000Z',
  requestedAt: '2026-04-30T02:17:43.005Z',
  expiresAt: '2026-04-30T03:17:43.005Z',
  mock: false,
  personal: { summary: 'Soon.', fallbackText: `Soon. Take a look: /schedule-adjust/asp_${TAIL}` },
};

const metadataAtRest = {
  schemaVersion: 1,
  recordedAt: '2026-04-30T02:17:43.005Z',
  correlationId: COMMAND,
  causationId: COMMAND,
  commandId: COMMAND,
  traceparent: TRACEPARENT,
};

describe('stored events', () => {
  it.each([
    ['TriggerRaised', raised, raisedAtRest],
    ['NotificationRequested', requested, requestedAtRest],
  ])('encode %s as in the vector', (type, event, data) => {
    const expected = { id: COMMAND, type, data, metadata: metadataAtRest };
    expect(triggerCodec.encode(event, metadata, COMMAND)).toStrictEqual(expected);
  });

  it('encode the claim of an idempotency key as in the vector', () => {
    const { triggerId: _id, occurrence, dedupeKey: _key, contract: _c, ...facts } = raised.data;
    const hash = 'ab'.repeat(32);
    const event = {
      type: 'IdempotencyClaimed' as const,
      data: {
        ...facts,
        idempotencyKey: 'order:1',
        requestHash: hash,
        triggerStream: STREAM,
        occurrence,
      },
    };
    const { triggerId: _at, dedupeKey: _rest, contract: _contract, ...atRest } = raisedAtRest;
    expect(idempotencyCodec.encode(event, metadata, COMMAND).data).toStrictEqual({
      ...atRest,
      requestHash: hash,
      triggerStream: STREAM,
    });
  });

  it.each<[ControlEvent, JsonObject]>([
    [
      {
        type: 'OutputOpened',
        data: {
          stream: 'TOCSIN',
          created: '2026-01-01T00:00:00.000000001Z',
          publishFrom: { commit: 12n, prepare: 11n },
          base: -3n,
          mode: 'resend_from',
          reason: undefined,
        },
      },
      {
        stream: 'TOCSIN',
        created: '2026-01-01T00:00:00.000000001Z',
        publishFrom: '12/11',
        base: '-3',
        mode: 'resend_from',
      },
    ],
    [
      {
        type: 'ParkResolved',
        data: { event: COMMAND, stream: STREAM, revision: 2n, action: 'retry' },
      },
      { event: COMMAND, stream: STREAM, revision: '2', action: 'retry' },
    ],
    [
      {
        type: 'RequestReleased',
        data: { event: COMMAND, stream: STREAM, revision: 2n, reason: 'still true' },
      },
      { event: COMMAND, stream: STREAM, revision: '2', reason: 'still true' },
    ],
    [{ type: 'RulesetActivated', data: { ruleset: 1 } }, { ruleset: 1 }],
    [{ type: 'StoreInitialised', data: { storeId: COMMAND } }, { storeId: COMMAND }],
  ])('encode %o as in the vector', (event, data) => {
    expect(controlCodec.encode(event, metadata, COMMAND).data).toStrictEqual(data);
  });
});

const WINDOW: NotificationFacts = {
  per: 'user',
  windowStart: Date.UTC(2026, 3, 30, 2),
  suppressedSince: null,
};

/** The message of an event. */
function message(
  event: TriggerEvent,
  eventId: string,
  revision: bigint,
  subjectRoot = '',
  sent = WINDOW,
) {
  const { type, data, metadata: stored } = triggerCodec.encode(event, metadata, eventId);
  const position = { commit: 3_000_000_000n, prepare: 2_999_999_999n };
  const recorded = {
    id: eventId,
    stream: STREAM,
    revision,
    position,
    type,
    data,
    metadata: stored,
  };
  const step = classify('tocsin', recorded);
  const names = { subjectRoot, source: '/tocsin' };
  const place = { ordinal: 9n, digest: 'cd'.repeat(32), ruleset: 1 };
  if (step.kind === 'triggered') {
    return render(draftTriggered(recorded, step.data, step.metadata, names), place, names);
  }
  if (step.kind !== 'request') throw new Error(step.kind);
  const draft = draftNotification(recorded, step.data, step.metadata, sent, names);
  return render(draft, place, names);
}

const headersOf = (contract: string, ceId: string, about: string, time: string, at: number) => [
  ['ce-specversion', '1.0'],
  ['ce-id', ceId],
  ['ce-source', '/tocsin'],
  ['ce-type', contract],
  ['ce-dataschema', `urn:tocsin:${contract}:1`],
  ['ce-subject', about],
  ['ce-time', time],
  ['content-type', 'application/json'],
  ['Tocsin-Ordinal', '9'],
  ['Tocsin-Position', '3000000000/2999999999'],
  ['Tocsin-Stream', STREAM],
  ['Tocsin-Revision', String(at)],
  ['Tocsin-Ruleset', '1'],
  ['Tocsin-Digest', 'cd'.repeat(32)],
  ['traceparent', TRACEPARENT],
];

const text = (data: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(data));

describe('messages', () => {
  it('have the subject, headers and data of active_schedule.triggered', () => {
    const contract = 'active_schedule.triggered';
    const { subject, headers, data } = message(raised, 'b0575b4c-b844-5e02-b65d-2ccfe9d07ba1', 0n);
    expect(subject).toBe('active_schedule.triggered.22.42');
    const ceId = '8b129335-19a9-51a5-9f70-6ac47395cd82';
    const time = '2026-04-30T02:17:42.000Z';
    expect(headers).toEqual(headersOf(contract, ceId, `ast_${TAIL}`, time, 0));
    expect(MessageHeaders.parse(Object.fromEntries(headers))).toEqual(Object.fromEntries(headers));
    expect(text(data)).toStrictEqual({
      trigger_id: `ast_${TAIL}`,
      user_id: 42,
      trigger_type: 'important_urgent_task',
      source: 'api_trigger',
      target_type: 'task_pool',
      target_id: 7,
      idempotency_key: 'order:1',
      dedupe_key: '42:important_urgent_task:task_pool:7:2026-04-30T02:00:00Z',
      trace_id: 'trace_1',
      is_mock_time: false,
      requested_at: '2026-04-30T02:17:42.000Z',
      payload: { title: 'Essay' },
    });
    expect(parseMessage(subject, data)).toMatchObject({ ok: true, contract });
  });

  it('have the subject, headers and data of notification.feishu.requested', () => {
    const contract = 'notification.feishu.requested';
    const event = '900275c2-8944-5270-8d73-cdc09c6e6893';
    const { subject, headers, data } = message(requested, event, 2n, 'acme.');
    expect(subject).toBe('acme.notification.feishu.requested.22.42');
    const ceId = 'f7ab926a-5941-541d-8838-49414d559095';
    const time = '2026-04-30T02:17:43.005Z';
    expect(headers).toEqual(headersOf(contract, ceId, `asp_${TAIL}`, time, 2));
    expect(text(data)).toStrictEqual({
      notification_id: ceId,
      user_id: 42,
      preview_id: `asp_${TAIL}`,
      trigger_id: `ast_${TAIL}`,
      trigger_type: 'important_urgent_task',
      target_type: 'task_pool',
      target_id: 7,
      dedupe_key: '42:important_urgent_task:2026-04-30T02:00:00Z',
      target_url: `/schedule-adjust/asp_${TAIL}`,
      summary_text: 'Soon.',
      fallback_text: `Soon. Take a look: /schedule-adjust/asp_${TAIL}`,
      trace_id: 'trace_1',
      requested_at: '2026-04-30T02:17:43.005Z',
      expires_at: '2026-04-30T03:17:43.005Z',
    });
    expect(parseMessage(subject, data)).toMatchObject({ ok: true, contract });
  });

  it.each([
    ['target', '42:important_urgent_task:task_pool:7:2026-04-30T02:00:00Z'],
    ['request', '42:important_urgent_task:f7ab926a-5941-541d-8838-49414d559095'],
  ] as const)('have a dedupe key per %s where the policy says so', (per, key) => {
    const event = '900275c2-8944-5270-8d73-cdc09c6e6893';
    const { data } = message(requested, event, 2n, '', { ...WINDOW, per });
    expect(text(data)).toMatchObject({ dedupe_key: key });
  });

  it('of mock triggers have subjects under mock. and the field mock', () => {
    const mockNow = requestedAt + 60_000;
    const triggered = message({ ...raised, data: { ...raised.data, mockNow } }, COMMAND, 0n, 'a.');
    expect(triggered.subject).toBe('a.mock.active_schedule.triggered.22.42');
    expect(text(triggered.data)).toMatchObject({
      mock_now: '2026-04-30T02:18:42.000Z',
      is_mock_time: true,
      mock: true,
    });
    const data = { ...requested.data, mock: true, channel: 'webhook' as const };
    const notification = message({ ...requested, data }, COMMAND, 2n);
    expect(notification.subject).toBe('mock.notification.webhook.requested.22.42');
    expect(text(notification.data)).toMatchObject({ mock: true });
  });

  it('encode a user id with dots as one subject token', () => {
    expect(encodeSubjectToken('ada.l@example.org')).toBe('ada%2El@example%2Eorg');
  });
});
