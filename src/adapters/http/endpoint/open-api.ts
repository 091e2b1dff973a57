// Makes the OpenAPI 3.1 document from the endpoints. It uses JSON Schema 2020-12, which zod generates.
import { z } from 'zod';
import { IdSchema } from '../../../domain/core/identity.ts';
import type { Endpoint } from './endpoint.ts';
import { PROBLEMS, type ProblemCode } from './problems.ts';

const ProblemShape = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  issues: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
});

/** The problems of all endpoints. */
const ALWAYS = [
  'invalid_field',
  'unknown_field',
  'unauthorized',
  'scope_missing',
  'rate_limited',
  'conflict',
  'internal_error',
  'storage_full',
  'unavailable',
  'outcome_unknown',
] as const satisfies readonly ProblemCode[];

/** @param base the path at which the API is mounted */
/** @param maxBodyBytes of a request */
export function openApiOf(
  endpoints: readonly Endpoint[],
  base: string,
  maxBodyBytes: number,
): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const endpoint of endpoints) {
    paths[endpoint.path] = {
      ...paths[endpoint.path],
      [endpoint.method]: operationOf(endpoint, maxBodyBytes),
    };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Tocsin',
      version: '1',
      description:
        'Triggers that become notifications. A token belongs to one user, or to the service, which names ' +
        'the user that it acts for. Objects of other users answer 404. Failures are ' +
        'application/problem+json with a stable `code`.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: base }],
    paths,
    components: {
      schemas: { Problem: schemaOf(ProblemShape) },
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description:
            'A token from `tocsin token create`; each operation names the scope that it needs.',
        },
      },
      headers: {
        'X-Request-Id': {
          description:
            'The caller’s id if it has only the characters A-Z a-z 0-9 . _ -, else a new one',
          schema: { type: 'string' },
        },
        'Retry-After': {
          description: 'Seconds to wait before the next try',
          schema: { type: 'integer', minimum: 1 },
        },
      },
    },
  };
}

/** All problems that an endpoint can answer. */
export function problemsOf({ problems, userScope, body }: Endpoint): ProblemCode[] {
  const all = new Set<ProblemCode>([...ALWAYS, ...problems]);
  if (userScope !== 'none') all.add('other_user');
  if (userScope === 'one') all.add('user_required');
  if (body !== undefined) all.add('invalid_json').add('too_large').add('unsupported_media_type');
  return [...all].sort();
}

function operationOf(endpoint: Endpoint, maxBodyBytes: number): object {
  const { operationId, summary, scope, path, body, answers, bodyOptional = false } = endpoint;
  const [, , , group = ''] = path.split('/');
  const requestBody = body && {
    required: !bodyOptional,
    description: `At most ${maxBodyBytes} bytes`,
    content: { 'application/json': { schema: schemaOf(body) } },
  };
  return {
    operationId,
    summary,
    tags: [group],
    security: [{ bearer: [scope] }],
    parameters: parametersOf(endpoint),
    ...(requestBody && { requestBody }),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, { description, schema }]) => [
          status,
          responseOf(description, 'application/json', schemaOf(schema)),
        ]),
      ),
      ...failuresOf(endpoint),
    },
  };
}

function failuresOf(endpoint: Endpoint): Record<string, object> {
  const byStatus = Map.groupBy(problemsOf(endpoint), (code) => PROBLEMS[code][0]);
  const schema = { $ref: '#/components/schemas/Problem' };
  return Object.fromEntries(
    Array.from(byStatus, ([status, codes]) => [
      String(status),
      responseOf(codes.map((code) => `\`${code}\``).join(', '), 'application/problem+json', schema),
    ]),
  );
}

function responseOf(description: string, type: string, schema: object): object {
  const headers = {
    'X-Request-Id': { $ref: '#/components/headers/X-Request-Id' },
    ...(/rate_limited|unavailable|`conflict`|too_many/.test(description)
      ? { 'Retry-After': { $ref: '#/components/headers/Retry-After' } }
      : {}),
  };
  return { description, headers, content: { [type]: { schema } } };
}

function parametersOf({ path, userScope, takesKey, query }: Endpoint): object[] {
  const inPath = Array.from(path.matchAll(/\{(\w+)\}/g), ([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string', minLength: 1 },
  }));
  const header = (name: string, description: string, schema: object) => [
    { name, in: 'header', required: false, description, schema },
  ];
  const user = 'The user that the service acts for; optional with a user’s token.';
  const key = 'Repeated requests with the same key have one effect.';
  const keySchema = { type: 'string', minLength: 1, maxLength: 191 };
  return [
    ...inPath,
    ...(userScope === 'none' ? [] : header('Tocsin-User', user, schemaOf(IdSchema))),
    ...(takesKey === true ? header('Idempotency-Key', key, keySchema) : []),
    ...queryParameters(query),
  ];
}

function queryParameters(query: z.ZodType): object[] {
  const { properties = {}, required = [] } = jsonSchema(query);
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
  }));
}

function schemaOf(schema: z.ZodType): object {
  const { $schema: _dialect, ...rest } = jsonSchema(schema);
  return rest;
}

/** JSON Schema expresses "any JSON" as the empty schema. */
function jsonSchema(schema: z.ZodType) {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
}
