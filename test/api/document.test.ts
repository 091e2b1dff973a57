// The OpenAPI document is valid and complete, and matches the answers to valid and invalid requests.
import { readFileSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';
import fc from 'fast-check';
import { z } from 'zod';
import { beforeAll, describe, expect, test } from 'vitest';
import { PROBLEMS } from '../../src/adapters/http/endpoint/problems.ts';
import { apiWorld, operationsOf, type ApiWorld } from './api.support.ts';

let world: ApiWorld;

beforeAll(async () => {
  world = await apiWorld();
  return () => {
    world[Symbol.dispose]();
  };
});

test('the OpenAPI document is valid by the OpenAPI 3.1 schema', async () => {
  const got = await world.ask('GET', '/openapi.json');
  expect(got.body).toEqual(JSON.parse(JSON.stringify(world.app.openApi)));
  const validator = new Validator();
  expect(await validator.validate(structuredClone(got.body))).toEqual({ valid: true });
  expect(validator.version).toBe('3.1');
});

test('the OpenAPI document gives each operation its own id', () => {
  const names = operationsOf(world.app.openApi).map(({ operationId }) => operationId);
  expect(new Set(names).size).toBe(names.length);
});

test('docs/http-api.md lists each operation, and each problem with its status', () => {
  const document = readFileSync('docs/http-api.md', 'utf8');
  for (const { method, path } of operationsOf(world.app.openApi)) {
    expect(document).toContain(`\`${method.toUpperCase()} ${path}\``);
  }
  const rows = [...document.matchAll(/^\| `(\w+)` +\| (\d{3}) /gm)].map(
    ([, code = '', status = '']) => [code, Number(status)],
  );
  expect(rows.toSorted()).toEqual(
    Object.entries(PROBLEMS)
      .map(([code, [status]]) => [code, status])
      .toSorted(),
  );
});

/** Texts that an attacker would send. */
const hostile = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '',
    ' ',
    '\u0000',
    '../../etc/passwd',
    '%00',
    '%ff',
    "' OR 1=1 --",
    '<at user_id="all">',
    '{{7*7}}',
    '__proto__',
    'constructor',
    'a'.repeat(4_000),
    '9'.repeat(400),
    '-1',
    '1e400',
    'NaN',
    '2026-01-01T00:00:00Z',
    '9999-12-31T23:59:59.999+14:00',
    '+292278994-08-17T07:12:55Z',
  ),
);

/** Made once, because making an arbitrary costs more than its values. */
const ANY_JSON = fc.jsonValue({ maxDepth: 3 });

/** Values that a schema allows, approximately. */
function valueOf(schema: unknown): fc.Arbitrary<unknown> {
  if (typeof schema !== 'object' || schema === null) return ANY_JSON;
  const known = new Map<string, unknown>(Object.entries(schema));
  const options = known.get('enum');
  if (Array.isArray(options)) return fc.constantFrom(...options.map((one: unknown) => one));
  const either: unknown = known.get('anyOf');
  if (Array.isArray(either)) return fc.oneof(...either.map((one: unknown) => valueOf(one)));
  switch (known.get('type')) {
    case 'string':
      return known.get('format') === 'date-time'
        ? fc.integer({ min: 0, max: 253_402_300_799_999 }).map((ms) => new Date(ms).toISOString())
        : fc.stringMatching(/^[a-z0-9_]{1,20}$/);
    case 'integer':
    case 'number':
      return fc.integer({ min: 1, max: 1000 });
    case 'boolean':
      return fc.boolean();
    case 'array':
      return fc.array(valueOf(known.get('items')), { maxLength: 3 });
    case 'object': {
      const properties = Object.entries(known.get('properties') ?? {});
      const model = Object.fromEntries(properties.map(([name, one]) => [name, valueOf(one)]));
      const required = known.get('required');
      const requiredKeys = Array.isArray(required) ? required.map(String) : [];
      return fc.record(model, { requiredKeys });
    }
    default:
      return ANY_JSON;
  }
}

/** A valid value with an invalid part, or another value. */
function bodyOf(schema: unknown): fc.Arbitrary<unknown> {
  const fitting = valueOf(schema);
  const spoilt = fc
    .tuple(fitting, fc.string({ maxLength: 12 }), fc.oneof(hostile, ANY_JSON, fc.double()))
    .map(([body, key, value]) =>
      typeof body === 'object' && body !== null ? { ...body, [key]: value } : value,
    );
  const swapped = fc
    .tuple(fitting, fc.nat(), fc.oneof(hostile, ANY_JSON))
    .map(([body, at, value]) => {
      const keys = Object.keys(typeof body === 'object' ? (body ?? {}) : {});
      const key = keys[at % Math.max(1, keys.length)];
      return key === undefined || typeof body !== 'object' ? value : { ...body, [key]: value };
    });
  return fc.oneof({ weight: 3, arbitrary: fitting }, spoilt, swapped, ANY_JSON);
}

const HEADER = fc.stringMatching(/^[\x20-\x7e]{0,60}$/);

describe('the OpenAPI document', () => {
  test('no request gets a server error, or an answer that the document does not describe', async () => {
    const operations = operationsOf(world.app.openApi);
    const previews = await ids(world);
    const requests = operations.map((operation) =>
      fc.record({
        operation: fc.constant(operation),
        id: fc.oneof(fc.constantFrom(...previews, 'feishu', 'webhook'), hostile),
        query: fc.oneof(fc.constant(''), fc.webQueryParameters()),
        body: bodyOf(bodySchema(operation)),
        asService: fc.boolean(),
        user: fc.option(fc.oneof(fc.constant('1'), HEADER), { nil: undefined }),
        key: fc.option(HEADER, { nil: undefined }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.oneof(...requests), async ({ operation, id, query, body, ...who }) => {
        const { method, path } = operation;
        const encoded = encodeURIComponent(id.toWellFormed() || 'x');
        const filled = path.replaceAll(/\{\w+\}/g, encoded.replaceAll('.', '%2E'));
        const hasBody = bodySchema(operation) !== undefined;
        const got = await world.ask(
          method.toUpperCase(),
          query === '' ? filled : `${filled}?${query}`,
          {
            token: who.asService ? world.service : world.one,
            ...(hasBody ? { raw: JSON.stringify(body) } : {}),
            headers: {
              ...(who.user === undefined ? {} : { 'tocsin-user': who.user }),
              ...(who.key === undefined ? {} : { 'idempotency-key': who.key }),
            },
          },
        );
        // `ask` itself fails for an answer that the document does not describe.
        expect(got.status).toBeLessThan(500);
      }),
      { numRuns: 300 },
    );
  });
});

const WithBody = z.looseObject({
  requestBody: z.looseObject({
    content: z.looseObject({ 'application/json': z.looseObject({ schema: z.unknown() }) }),
  }),
});

function bodySchema(operation: object): unknown {
  const { data } = WithBody.safeParse(operation);
  return data?.requestBody.content['application/json'].schema;
}

async function ids({ ask, one: token, dead }: ApiWorld): Promise<readonly string[]> {
  const body = { trigger_type: 'important_urgent_task', target_type: 'task_pool', target_id: 7 };
  const raised = await ask('POST', '/api/v1/active-schedule/trigger', { token, body });
  return [
    String(raised.body['trigger_id']),
    String(raised.body['preview_id']),
    await dead('1', 1),
    await dead('2', 2),
  ];
}
