// Describes an endpoint: its OpenAPI document, checks and tests follow from it. app.ts makes the checks of all.
import { z } from 'zod';
import type { Scope } from '../../../domain/access/scopes.ts';
import type { UserId } from '../../../domain/core/identity.ts';
import { err, ok, type Result } from '../../../domain/core/result.ts';
import { rejectionOf } from '../../../domain/trigger/parse-raise.ts';
import { rejectionProblem, type Problem, type ProblemCode, type Rejection } from './problems.ts';

export type Answer =
  | { readonly kind: 'answer'; readonly status: 200 | 201; readonly body: object }
  | { readonly kind: 'problem'; readonly problem: Problem };

export type Given = {
  /** The parts of the path in braces. */
  readonly params: Readonly<Record<string, string>>;
  /** The user of the request; absent only if the endpoint allows that. */
  readonly userId: UserId | undefined;
  /** The Idempotency-Key header. */
  readonly key: string | undefined;
  readonly actor: string;
  readonly traceparent: string | undefined;
  readonly deadlineMs: number;
  /** Aborted when the deadline is over. */
  readonly signal: AbortSignal;
};

export type Raw = Given & { readonly query: unknown; readonly body: unknown };

type About = {
  readonly method: 'get' | 'post' | 'put' | 'delete';
  readonly path: `/api/v1/${string}`;
  readonly operationId: string;
  readonly summary: string;
  readonly scope: Scope;
  /** A missing body is `{}`. */
  readonly bodyOptional?: true;
  /** True when the endpoint accepts an Idempotency-Key header. */
  readonly takesKey?: true;
  readonly answers: SuccessAnswers;
  /** Problems besides those of all endpoints. */
  readonly problems: readonly ProblemCode[];
  readonly deadlineMs: number;
};

type SuccessAnswers = Readonly<
  Partial<Record<200 | 201, { description: string; schema: z.ZodType }>>
>;

export type Endpoint = About & {
  readonly userScope: 'one' | 'any' | 'none';
  readonly query: z.ZodType;
  /** Absent: the body is not read. */
  readonly body: z.ZodType | undefined;
  readonly handle: (raw: Raw) => Promise<Answer>;
};

/** No query parameters. */
export const NO_QUERY = z.strictObject({});
/** No body. */
export const NO_BODY = z.undefined();

type Spec<B, G> = About & {
  readonly body: z.ZodType<B>;
  readonly handle: (given: G & { readonly body: B }) => Promise<Answer>;
};

/** An endpoint for one user. */
export function ofOne<B>(spec: Spec<B, Given & { readonly userId: UserId }>): Endpoint {
  return endpoint('one', NO_QUERY, {
    ...spec,
    handle: async ({ userId, ...given }) =>
      userId === undefined
        ? refuse('user_required', 'Name the user in the Tocsin-User header.')
        : spec.handle({ ...given, userId }),
  });
}

/** An endpoint for one user, or for all users if a service calls it. */
export function ofAny<Q, B>(
  spec: Spec<B, Given & { readonly query: Q }> & { readonly query: z.ZodType<Q> },
): Endpoint {
  return endpoint('any', spec.query, spec);
}

/** An endpoint without a user. */
export function ofNone<B>(spec: Spec<B, Given>): Endpoint {
  return endpoint('none', NO_QUERY, spec);
}

/** An endpoint about all users, with a query. */
export function ofAll<Q, B>(
  spec: Spec<B, Given & { readonly query: Q }> & { readonly query: z.ZodType<Q> },
): Endpoint {
  return endpoint('none', spec.query, spec);
}

/** The one success answer of an endpoint. */
export function success(description: string, schema: z.ZodType): SuccessAnswers {
  return { 200: { description, schema } };
}

export function answer(status: 200 | 201, body: object): Answer {
  return { kind: 'answer', status, body };
}

export function refused(problem: Problem): Answer {
  return { kind: 'problem', problem };
}

export function refuse(code: ProblemCode, detail: string, more: Partial<Problem> = {}): Answer {
  return refused({ code, detail, ...more });
}

/** The answer to a rejection of the kernel. */
export function rejected(rejection: Rejection): Answer {
  return refused(rejectionProblem(rejection));
}

function endpoint<Q, B>(
  userScope: Endpoint['userScope'],
  query: z.ZodType<Q>,
  { body, handle, ...about }: Spec<B, Given & { readonly query: Q }>,
): Endpoint {
  return {
    ...about,
    userScope,
    query,
    body: isNoBody(body) ? undefined : body,
    handle: async (raw) => {
      const checked = { query: parse(query, raw.query), body: parse(body, raw.body) };
      if (!checked.query.ok) return checked.query.error;
      if (!checked.body.ok) return checked.body.error;
      return handle({ ...raw, query: checked.query.value, body: checked.body.value });
    },
  };
}

function isNoBody(schema: z.ZodType): boolean {
  return schema === NO_BODY;
}

function parse<T>(schema: z.ZodType<T>, input: unknown): Result<T, Answer> {
  const parsed = schema.safeParse(input);
  return parsed.success ? ok(parsed.data) : err(rejected(rejectionOf(parsed.error, input)));
}
