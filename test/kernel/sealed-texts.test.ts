// Which texts of a user's events are sealed: every field that can hold free text is in the personal part, is sealed
// beside it, or stands below with the reason why it tells nothing about a person.
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ACCESS_EVENTS } from '../../src/domain/access/events.ts';
import { CHANNEL_EVENTS } from '../../src/domain/channel/events.ts';
import { DELIVERY_EVENTS } from '../../src/domain/delivery/events.ts';
import { IDEMPOTENCY_EVENTS } from '../../src/domain/idempotency/events.ts';
import { TRIGGER_EVENTS } from '../../src/domain/trigger/events.ts';
import { plainTexts } from '../../src/kernel/sealing/plain-fields.ts';
import { DUE_JOB_EVENTS } from '../../src/schedule/due-job/events.ts';

const EVENTS: Readonly<Record<string, z.ZodType>> = {
  ...TRIGGER_EVENTS,
  ...DELIVERY_EVENTS,
  ...DUE_JOB_EVENTS,
  ...CHANNEL_EVENTS,
  ...ACCESS_EVENTS,
  ...IDEMPOTENCY_EVENTS,
};

/** Ids that a host or a provider made, and keys made of them. */
const IDS = new Set([
  'triggerId',
  'previewId',
  'applyId',
  'traceId',
  'userId',
  'targetId',
  'feedbackId',
  'idempotencyKey',
  'jobId',
  'dedupeKey',
  'scopeKey',
  'candidateId',
  'triggerStream',
  // A version that the host gave.
  'baseVersion',
  // A path of the application, made of ids; it is part of the message.
  'targetUrl',
  // Of times, states and ids, without titles.
  'fingerprint',
]);

/** Fields of instants; their codec reads any text, and refuses what is none. */
const INSTANT = /(?:At|Now|Start|End|[uU]ntil)$/;

type JsonSchema = {
  readonly type?: string;
  readonly pattern?: string;
  readonly format?: string;
  readonly enum?: unknown;
  readonly const?: unknown;
};

function freeTexts(schema: z.ZodType): readonly string[] {
  const { properties = {} } = z.toJSONSchema(schema, { unrepresentable: 'any', io: 'input' });
  return Object.entries(properties).flatMap(([name, field]) => {
    const { type, pattern, format, enum: values, const: value } = field as JsonSchema;
    const isFree =
      type === 'string' && [pattern, format, values, value].every((x) => x === undefined);
    return isFree && !IDS.has(name) && !INSTANT.test(name) ? [name] : [];
  });
}

describe('the texts of', () => {
  it.each(Object.keys(EVENTS))('%s are sealed', (type) => {
    const schema = EVENTS[type];
    if (schema === undefined) throw new Error('no schema');
    const texts = Object.fromEntries(freeTexts(schema).map((name) => [name, `text of ${name}`]));
    expect(plainTexts(type, { userId: '42', ...texts })).toEqual(texts);
  });
});
