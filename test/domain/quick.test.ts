// The quick readers of stored data against the schemas: they return the same value or undefined.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { MetadataSchema, quickMetadata } from '../../src/domain/core/envelope.ts';
import { formatInstant, MAX_INSTANT, parseInstant } from '../../src/domain/core/instants.ts';
import { TRIGGER_EVENTS, quickRaised } from '../../src/domain/trigger/events.ts';
import { IDEMPOTENCY_EVENTS, quickClaimed } from '../../src/domain/idempotency/events.ts';
import { quickEncoder } from '../../src/domain/core/quick-encode.ts';
import { quickOffered } from '../../src/domain/preview/events.ts';
import { quickRequested } from '../../src/domain/notification/events.ts';

const SCHEMAS = { ...TRIGGER_EVENTS, ...IDEMPOTENCY_EVENTS };

const AT = '2026-04-30T02:17:42.000Z';

const about = {
  triggerId: 'ast_1',
  occurrence: 1,
  userId: '42',
  triggerType: 'important_urgent_task',
  targetType: 'task_pool',
  targetId: '7',
  traceId: 'trace_1',
};
const raised = {
  ...about,
  source: 'api_trigger',
  dedupeKey: 'a:b',
  requestedAt: AT,
  personal: { payload: { title: 'Essay', tags: ['a', 1, null] } },
};
const requested = {
  ...about,
  previewId: 'asp_1',
  channel: 'feishu',
  targetUrl: '/a/b?c=d',
  triggerRequestedAt: AT,
  requestedAt: AT,
  expiresAt: AT,
  mock: false,
  personal: { summary: 'An essay.', fallbackText: '' },
};
const offered = {
  triggerId: 'ast_1',
  occurrence: 1,
  previewId: 'asp_1',
  userId: '42',
  kind: 'reminder',
  offeredAt: AT,
  expiresAt: AT,
  personal: { summary: 'An essay.' },
};
const { triggerId: _id, dedupeKey: _key, ...requestOnly } = raised;
const claimed = {
  ...requestOnly,
  requestHash: 'a'.repeat(64),
  triggerStream: 'tocsin.trigger-1',
  idempotencyKey: 'k',
  personal: { payload: { title: 'Essay' }, salt: 's'.repeat(22) },
};
const metadata = {
  schemaVersion: 1,
  recordedAt: AT,
  correlationId: 'c',
  causationId: 'd',
  commandId: 'e',
};
const OPTIONAL = [
  ...[
    'feedbackId',
    'idempotencyKey',
    'jobId',
    'severity',
    'mockNow',
    'quiet',
    'unknownField',
    '__proto__',
  ],
  ...['traceparent', 'actor', 'mustUnderstand', '$correlationId'],
];

/** A field's value from another program: of another field, too long, too short, or of another type. */
const value = fc.oneof(
  fc.constantFrom<unknown>(
    '',
    'a',
    'high',
    AT,
    '2026-04-30T10:17:42+08:00',
    '2026-02-30T00:00:00.000Z',
  ),
  fc.constantFrom<unknown>('x'.repeat(64), 'x'.repeat(65), 'x'.repeat(129), 'x'.repeat(513)),
  fc.constantFrom<unknown>('\u0000', '\ud800', '//x', '/ü', '/../x', '00-' + '1'.repeat(32)),
  fc.constant('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'),
  fc.constantFrom<unknown>(
    0,
    1,
    1.5,
    -1,
    2 ** 53,
    true,
    false,
    null,
    [],
    {},
    { payload: '\ud800' },
  ),
  fc.constantFrom<unknown>(
    { payload: null },
    { summary: 'a' },
    { summary: '', fallbackText: '\u0000' },
  ),
  fc.jsonValue(),
);

/** The fields with up to two of them changed, added or removed. */
function changed(fields: Readonly<Record<string, unknown>>) {
  const name = fc.constantFrom(...Object.keys(fields), ...OPTIONAL);
  const change = fc.record({ name, value: fc.option(value, { nil: undefined }) });
  return fc.array(change, { maxLength: 2 }).map((changes) => {
    const entries = new Map(Object.entries(fields));
    for (const { name: field, value: next } of changes) {
      if (next === undefined) entries.delete(field);
      else entries.set(field, next);
    }
    // JSON.parse makes __proto__ an own field.
    const text = [...entries].map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`);
    const parsed: unknown = JSON.parse(`{${text.join(',')}}`);
    return z.record(z.string(), z.unknown()).parse(parsed);
  });
}

describe.each([
  ['TriggerRaised', raised, quickRaised],
  ['NotificationRequested', requested, quickRequested],
  ['PreviewOffered', offered, quickOffered],
  ['IdempotencyClaimed', claimed, quickClaimed],
] as const)('the quick reader of %s', (type, fields, quick) => {
  const schema = SCHEMAS[type];

  it('reads data as Tocsin writes it', () => {
    expect(quick(fields)).toStrictEqual(schema.parse(fields));
    expect(quick(fields)).toBeDefined();
  });

  it('returns what the schema returns, or undefined', () => {
    fc.assert(
      fc.property(changed(fields), (data) => {
        const answer = quick(data);
        if (answer === undefined) return;
        expect(schema.safeParse(data)).toStrictEqual({ success: true, data: answer });
      }),
      { numRuns: 500 },
    );
  });
});

describe('an encoder that is planned from a schema', () => {
  const cases = [
    [TRIGGER_EVENTS.TriggerRaised, raised],
    [TRIGGER_EVENTS.NotificationRequested, requested],
    [TRIGGER_EVENTS.PreviewOffered, offered],
    [IDEMPOTENCY_EVENTS.IdempotencyClaimed, claimed],
  ] as const;

  it.each(cases)('writes what the schema writes, in the same order', (schema, fields) => {
    const encode = quickEncoder(schema);
    fc.assert(
      fc.property(changed(fields), fc.boolean(), (data, withUndefined) => {
        const parsed = schema.safeParse(data);
        if (!parsed.success) return;
        const value = withUndefined ? { jobId: undefined, ...parsed.data } : parsed.data;
        const encoded = encode(value);
        if (encoded === undefined) return;
        expect(JSON.stringify(encoded)).toBe(JSON.stringify(z.encode(schema, parsed.data)));
      }),
    );
    expect(encode(schema.parse(fields))).toBeDefined();
  });

  it('leaves values to the schema that are no instants', () => {
    for (const requestedAt of [NaN, -1, 1.5, MAX_INSTANT + 1, '2026']) {
      const value = { ...TRIGGER_EVENTS.TriggerRaised.parse(raised), requestedAt };
      expect(quickEncoder(TRIGGER_EVENTS.TriggerRaised)(value)).toBeUndefined();
    }
  });
});

describe('quickMetadata', () => {
  it('reads data as Tocsin writes it', () => {
    expect(quickMetadata(metadata)?.data).toStrictEqual(MetadataSchema.parse(metadata));
  });

  it('returns what the schema returns, or undefined', () => {
    fc.assert(
      fc.property(changed(metadata), (data) => {
        const answer = quickMetadata(data);
        if (answer !== undefined) expect(MetadataSchema.safeParse(data)).toStrictEqual(answer);
      }),
      { numRuns: 500 },
    );
  });
});

describe('formatInstant and parseInstant', () => {
  it('format as Date does, also before 1970, in whatever order of days', () => {
    const instant = fc.integer({ min: -MAX_INSTANT, max: MAX_INSTANT });
    const near = fc.tuple(instant, fc.constantFrom(-86_400_000, -1, 0, 1, 86_399_999));
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            instant,
            near.map(([a, b]) => a + b),
          ),
        ),
        (instants) => {
          fc.pre(instants.every((each) => Math.abs(each) <= MAX_INSTANT));
          expect(instants.map(formatInstant)).toEqual(
            instants.map((each) => new Date(each).toISOString()),
          );
        },
      ),
    );
    expect(() => formatInstant(NaN)).toThrow(RangeError);
  });

  it('are inverse to each other, on the fast and the slow path', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: MAX_INSTANT }), (instant) => {
        const text = formatInstant(instant);
        expect(parseInstant(text)).toEqual({ ok: true, value: instant });
        expect(parseInstant(text.replace('T', 't'))).toEqual({ ok: true, value: instant });
      }),
    );
  });

  it('refuse the years 0 to 99, whatever the offset', () => {
    expect(parseInstant('0050-01-01T00:00:00-01:00').ok).toBe(false);
  });

  it('read text with one changed character as the slow path does', () => {
    const index = fc.integer({ min: 0, max: 23 });
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: MAX_INSTANT }),
        index,
        fc.string({ minLength: 1, maxLength: 1 }),
        (instant, at, character) => {
          const text = formatInstant(instant);
          const other = text.slice(0, at) + character + text.slice(at + 1);
          fc.pre(at !== 10);
          expect(parseInstant(other)).toEqual(parseInstant(other.replace('T', 't')));
        },
      ),
    );
  });
});
