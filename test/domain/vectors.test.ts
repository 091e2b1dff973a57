// Test vectors of names, ids, scopes, digests and windows: a change makes existing logs unreadable or sends
// history again. vectors.py computes the values; none is copied from the product's output.
import { describe, expect, it } from 'vitest';
import {
  controlStream,
  eventId,
  keyedCommandId,
  messageId,
  occurrenceId,
  parseOccurrenceId,
  TOCSIN_NAMESPACE,
  userShare,
} from '../../src/domain/core/ids.ts';
import { formatPosition, parsePosition } from '../../src/domain/core/positions.ts';
import { tumblingWindowStart } from '../../src/domain/core/windows.ts';
import { idempotencyStream } from '../../src/domain/idempotency/events.ts';
import { type RaiseInput } from '../../src/domain/trigger/commands.ts';
import { scopeOf, triggerStream } from '../../src/domain/trigger/dedupe-scope.ts';
import { applyIdOf, requestHash } from '../../src/kernel/raise/request-hash.ts';
import { GENESIS_DIGEST, nextDigest } from '../../src/projections/dedupe/messages.ts';
import { scheduleTriggers } from '../../src/schedule/triggers.ts';
import { parseRaise } from '../../src/domain/trigger/parse-raise.ts';

const COMMAND = '11111111-1111-4111-8111-111111111111';
const STREAM = 'tocsin.trigger-22-626ea8e6-43a5-5e3a-bc19-cb2c85142695';
const EVENTS = [
  'b0575b4c-b844-5e02-b65d-2ccfe9d07ba1',
  'e2a617d6-5db4-52f9-ba1a-2e59faec68c0',
  '900275c2-8944-5270-8d73-cdc09c6e6893',
];
const MESSAGES = ['8b129335-19a9-51a5-9f70-6ac47395cd82', 'f7ab926a-5941-541d-8838-49414d559095'];

const urgent: RaiseInput = {
  userId: 42,
  triggerType: 'important_urgent_task',
  source: 'api_trigger',
  targetType: 'task_pool',
  targetId: 7,
  requestedAt: '2026-04-30T10:17:42+08:00',
};
const feedback: RaiseInput = {
  ...urgent,
  triggerType: 'unfinished_feedback',
  source: 'user_feedback',
  targetType: 'schedule_event',
};

describe('names of streams', () => {
  it('use one UUID namespace', () => {
    expect(TOCSIN_NAMESPACE).toBe('6f1c5a0e-3b52-5c7e-9d4a-7a2f4e0b8c11');
  });

  it.each([
    ['1', '92'],
    ['42', '22'],
    ['042', 'a9'],
    ['9007199254740991', 'd7'],
    ['ada.l@example.org', 'b7'],
    ['zoe_9', '60'],
  ])('have for user %s the share %s', (user, share) => {
    expect(userShare(user)).toBe(share);
  });

  it('are fixed for the control stream and for idempotency keys', () => {
    expect(controlStream('tocsin')).toBe('tocsin.control');
    const key = { userId: '42', triggerType: 'important_urgent_task' };
    expect(idempotencyStream('tocsin', key, 'order:1')).toBe(
      'tocsin.idempotency-22-81f871a9-d76e-550a-8d9d-3537a2e4d2f1',
    );
  });
});

describe('scopeOf and triggerStream', () => {
  it.each<[name: string, input: RaiseInput, stream: string, dedupeKey: string]>([
    ['target', urgent, STREAM, '42:important_urgent_task:task_pool:7:2026-04-30T02:00:00Z'],
    [
      'target, in mock time',
      { ...urgent, mockNow: '2026-04-30T12:29:59.999Z' },
      'tocsin.trigger-22-53b61ab9-65f4-571a-93e3-4b5a85d0e322',
      '42:important_urgent_task:task_pool:7:2026-04-30T12:00:00Z',
    ],
    [
      'target, with opaque ids',
      { ...urgent, userId: 'ada.l@example.org', targetType: 'task_item', targetId: 'note-7' },
      'tocsin.trigger-b7-66f2984f-c938-504b-bdd6-d3c19cfa36ea',
      'ada.l@example.org:important_urgent_task:task_item:note-7:2026-04-30T02:00:00Z',
    ],
    [
      'feedback id',
      { ...feedback, feedbackId: ' fb-1 ', idempotencyKey: 'other' },
      'tocsin.trigger-22-4e26f4ab-1387-5de6-a19c-22726b1bff67',
      '42:unfinished_feedback:fb-1',
    ],
    [
      'feedback id with separators and non-ASCII letters',
      { ...feedback, feedbackId: 'fb:%31 反' },
      'tocsin.trigger-22-d9eed062-986e-5d7f-b778-beee284468b7',
      '42:unfinished_feedback:fb:%31 反',
    ],
    [
      'feedback id, in mock time',
      { ...feedback, source: 'api_trigger', feedbackId: 'fb-1', mockNow: '2026-05-01T00:00:00Z' },
      'tocsin.trigger-22-3e2947e2-0c7c-5b70-bb67-6dbbd59cf0b9',
      '42:unfinished_feedback:fb-1',
    ],
    [
      'idempotency key',
      { ...feedback, idempotencyKey: 'fb-1' },
      'tocsin.trigger-22-65130c4e-befa-593a-a61c-1143df61c7f1',
      '42:unfinished_feedback:fb-1',
    ],
    [
      'feedback by target',
      feedback,
      'tocsin.trigger-22-cdacafe1-50c2-5035-8d90-262a62b7f433',
      '42:unfinished_feedback:schedule_event:7:2026-04-30T02:00:00Z',
    ],
  ])('use the scope: %s', (_name, input, stream, dedupeKey) => {
    const request = parsed(input);
    const definition = scheduleTriggers.find(({ type }) => type === input.triggerType);
    if (definition === undefined) throw new Error('a built-in type');
    const scope = scopeOf(definition, request);
    expect(triggerStream('tocsin', request, scope)).toBe(stream);
    expect(scope.dedupeKey).toBe(dedupeKey);
  });
});

/** 16 bytes, base64url; its text is the key of the hash. */
const SALT = 'c2FsdC1vZi0xNi1ieXRlcw';

describe('ids', () => {
  it('of triggers and previews name their stream and occurrence', () => {
    expect(occurrenceId('ast', STREAM, 1)).toBe('ast_22626ea8e643a55e3abc19cb2c85142695_1');
    expect(occurrenceId('asp', STREAM, 12)).toBe('asp_22626ea8e643a55e3abc19cb2c85142695_12');
    expect(parseOccurrenceId('tocsin', 'asp_22626ea8e643a55e3abc19cb2c85142695_12')).toEqual({
      stream: STREAM,
      occurrence: 12,
    });
  });

  it('of events and messages are as in the vector', () => {
    expect([0, 1, 2].map((index) => eventId(COMMAND, STREAM, index))).toEqual(EVENTS);
    expect(messageId(EVENTS[0] ?? '', 'active_schedule.triggered')).toBe(MESSAGES[0]);
    expect(messageId(EVENTS[2] ?? '', 'notification.requested')).toBe(MESSAGES[1]);
  });

  it('of commands with an idempotency key depend on the hash of the request', () => {
    const hash = '63ea613b7ec87fa0e94789f4aa3f73939570c5754cb2b342fa84378ee43d5e92';
    const payload = { b: 1, a: 'é\n€', B: [true, null, 1e21] };
    expect(requestHash({ ...urgent, idempotencyKey: 'order:1', payload }, SALT)).toBe(hash);
    expect(keyedCommandId('42', 'important_urgent_task', 'order:1', hash)).toBe(
      'fc691059-ebeb-5b0c-ba9b-98f2ce9de560',
    );
  });

  it('of applies depend on the preview, the key and the request', () => {
    const preview = 'asp_22626ea8e643a55e3abc19cb2c85142695_1';
    const body = { candidateId: 'notify_only:no_free_slot:7', idempotencyKey: 'yes:1' };
    const hash = requestHash(body, SALT);
    expect(applyIdOf(preview, 'yes:1', hash)).toBe('asap_c3234fe074344be18b26033e');
    // The boundary between preview id and key counts.
    expect(applyIdOf(`${preview}\nyes`, ':1', hash)).not.toBe('asap_c3234fe074344be18b26033e');
    const edited = { ...body, editedChanges: [{ changeId: 'c', startAt: '2026-04-30T10:00:00Z' }] };
    expect(applyIdOf(preview, 'yes:1', requestHash(edited, SALT))).toBe(
      'asap_362e046653faac2130a7e59a',
    );
    expect(applyIdOf(preview, '', requestHash(null, SALT))).toBe('asap_01c7537f49ea0bc8017891e4');
  });

  it('of messages are chained in the digest as in the vector', () => {
    expect(GENESIS_DIGEST).toBe('0'.repeat(64));
    const first = nextDigest(GENESIS_DIGEST, MESSAGES[0] ?? '');
    expect(first).toBe('f02d2f20a6825e272851075bf3c751efebfb64cd3e24c5eeafcad02f84dbef08');
    expect(nextDigest(first, MESSAGES[1] ?? '')).toBe(
      '086bf99303b9542bd2d60b54cc23059e5d6d89a2cd23591b2d2a09146f8404fb',
    );
  });
});

describe('positions and windows', () => {
  it('have the position text commit/prepare', () => {
    const position = { commit: 9_223_372_036_854_775_807n, prepare: 12n };
    expect(formatPosition(position)).toBe('9223372036854775807/12');
    expect(parsePosition('9223372036854775807/12')).toEqual(position);
    expect(parsePosition('7')).toEqual({ commit: 7n, prepare: 7n });
    for (const text of ['', '-1', '1/', '/1', '1/2/3', '0x1', '1 ', '12345678901234567890']) {
      expect(parsePosition(text), text).toBeUndefined();
    }
  });

  it.each([
    // Buckets 987508 and 987509 of 1,800 s.
    ['2026-04-30T10:00:00+08:00', 987_508],
    ['2026-04-30T10:17:42+08:00', 987_508],
    ['2026-04-30T10:29:59.999+08:00', 987_508],
    ['2026-04-30T10:30:00+08:00', 987_509],
    ['1970-01-01T00:00:00Z', 0],
    // +05:45 has its boundaries at :15 and :45.
    ['2026-04-30T07:44:59+05:45', 987_507],
    ['2026-04-30T07:45:00+05:45', 987_508],
  ])('have %s in bucket %i', (text, bucket) => {
    expect(
      tumblingWindowStart(parsed({ ...urgent, requestedAt: text }).requestedAt, 1_800_000),
    ).toBe(bucket * 1_800_000);
  });

  it('shift windows by the phase, also for instants before it', () => {
    expect(tumblingWindowStart(99, 100, 7)).toBe(7);
    expect(tumblingWindowStart(107, 100, 7)).toBe(107);
    expect(tumblingWindowStart(3, 100, 7)).toBe(-93);
  });
});

function parsed(input: RaiseInput) {
  const definitions = new Map(scheduleTriggers.map((definition) => [definition.type, definition]));
  const request = parseRaise(input, definitions, { now: 0, traceId: 'trace' });
  if (!request.ok) throw new Error(request.error.message);
  return request.value.request;
}
