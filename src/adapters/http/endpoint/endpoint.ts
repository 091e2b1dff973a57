// The description of an endpoint, from which its OpenAPI document, its checks and its tests follow, and its
// handler. The checks of all endpoints stand in app.ts.
import { z } from 'zod';
import type { Scope } from '../../../domain/access/scopes.ts';
import type { UserId } from '../../../domain/core/identity.ts';
import { rejectionOf } from '../../../domain/trigger/commands.ts';
import { rejectionProblem, type Problem, type ProblemCode } from './problems.ts';

export type Answer =
  | { readonly kind: 'answer'; readonly status: 200 | 201; readonly body: object }
  | { readonly kind: 'problem'; readonly problem: Problem };

/** The input of each handler. */
export type Given = {
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
  /** Success answers by status. */
  readonly answers: Readonly<
    Partial<Record<200 | 201, { description: string; schema: z.ZodType }>>
  >;
  /** Problems besides those of all endpoints. */
  readonly problems: readonly ProblemCode[];
  readonly deadlineMs: number;
};

export type Endpoint = About & {
  /** `one`: a request names one user; `any`: the service may leave it out and gets all users; `none`: no user. */
  readonly userScope: 'one' | 'any' | 'none';
  readonly query: z.ZodType;
  /** Absent: the body is not read. */
  readonly body: z.ZodType | undefined;
  readonly handle: (raw: Raw) => Promise<Answer>;
};

/** The endpoint has no query parameters. */
export const NO_QUERY = z.strictObject({});
/** The endpoint has no body. */
export const NO_BODY = z.undefined();

type Spec<Q, B, G> = About & {
  readonly query: z.ZodType<Q>;
  readonly body: z.ZodType<B>;
  readonly handle: (given: G & { readonly query: Q; readonly body: B }) => Promise<Answer>;
};

/** An endpoint for one user. */
export function ofOne<Q, B>(spec: Spec<Q, B, Given & { readonly userId: UserId }>): Endpoint {
  const { handle } = spec;
  return endpoint('one', {
    ...spec,
    handle: async ({ userId, ...given }) => {
      if (userId === undefined) {
        return refuse('user_required', 'Name the user in the Tocsin-User header.');
      }
      return handle({ ...given, userId });
    },
  });
}

/** An endpoint for one user, or for all users if a service calls it. */
export function ofAny<Q, B>(spec: Spec<Q, B, Given>): Endpoint {
  return endpoint('any', spec);
}

/** An endpoint without a user. */
export function ofNone<Q, B>(spec: Spec<Q, B, Given>): Endpoint {
  return endpoint('none', spec);
}

export function answer(status: 200 | 201, body: object): Answer {
  return { kind: 'answer', status, body };
}

export function refuse(code: ProblemCode, detail: string, more: Partial<Problem> = {}): Answer {
  return { kind: 'problem', problem: { code, detail, ...more } };
}

function endpoint<Q, B>(userScope: Endpoint['userScope'], spec: Spec<Q, B, Given>): Endpoint {
  const { query, body, handle, ...about } = spec;
  return {
    ...about,
    userScope,
    query,
    body: isNoBody(body) ? undefined : body,
    handle: async (raw) => {
      const checked = { query: parse(query, raw.query), body: parse(body, raw.body) };
      if (!checked.query.ok) return checked.query.answer;
      if (!checked.body.ok) return checked.body.answer;
      return handle({ ...raw, query: checked.query.value, body: checked.body.value });
    },
  };
}

type Parsed<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly answer: Answer };

function isNoBody(schema: z.ZodType): boolean {
  return schema === NO_BODY;
}

function parse<T>(schema: z.ZodType<T>, input: unknown): Parsed<T> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return { ok: true, value: parsed.data };
  const problem = rejectionProblem(rejectionOf(parsed.error, input));
  return { ok: false, answer: { kind: 'problem', problem } };
}
