// Makes responses of answers and errors, with the headers of all responses.
import { TocsinError } from '../../../domain/core/errors.ts';
import type { Answer } from './endpoint.ts';
import { PROBLEMS, type Problem } from './problems.ts';
import { problem } from '../server/problem.ts';

/** A response must not be cached, framed or interpreted as another type. */
const SECURITY_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const;

export const REQUEST_ID_HEADER = 'x-request-id';

export function responseOf(answered: Answer): Response {
  if (answered.kind === 'problem') return problemResponse(answered.problem);
  const { status, body } = answered;
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8' },
  });
}

export function problemResponse(
  { code, detail, issues, retryAfter, members }: Problem,
  more: Readonly<Record<string, string>> = {},
): Response {
  const [status, title] = PROBLEMS[code];
  const headers = {
    ...more,
    ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
  };
  return problem(status, title, detail, {
    type: `urn:tocsin:problem:${code}`,
    members: { code, issues, ...members },
    headers,
  });
}

/** The problem of a thrown error. The error may name files and addresses, so its message stays in the log. */
export function thrownProblem(error: unknown): Problem {
  if (error instanceof TocsinError && error.code === 'storage_full') {
    const detail = 'Nothing was written. Try again later; the operator must make room.';
    return { code: 'storage_full', detail, retryAfter: 30 };
  }
  if (error instanceof TocsinError && error.code === 'conflict') {
    const detail = 'Nothing was written: other requests change the same object. Try again.';
    return { code: 'conflict', detail, retryAfter: 1 };
  }
  const isOutage =
    error instanceof TocsinError && (error.kind === 'unavailable' || OPERATORS.has(error.code));
  if (isOutage) return { code: 'unavailable', detail: 'Try again in a moment.', retryAfter: 1 };
  const detail = 'The log has the cause under this request’s id; tell the operator.';
  return { code: 'internal_error', detail };
}

/** The operator ends these as an outage is ended: the caller can only wait. */
const OPERATORS = new Set(['no_evaluator', 'store_access_denied', 'store_login_failed']);

/** Adds the headers of all responses. */
export function finished(response: Response, requestId: string): Response {
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.headers.set(name, value);
  response.headers.set(REQUEST_ID_HEADER, requestId);
  return response;
}
