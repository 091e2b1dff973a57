// What a client may ask for, and the checks that make a hostile object a request (seed-domain 4.4, as
// one validator: W18, W24).
import { z } from 'zod';
import { JsonSchema, textUpTo } from '../core/envelope.ts';
import { IdSchema, type TargetId, type UserId } from '../core/identity.ts';
import { MAX_INSTANT, parseInstant, type Instant } from '../core/instants.ts';
import type { Json } from '../core/json.ts';
import { err, ok, type Result } from '../core/result.ts';
import {
  TARGET_TYPES,
  TRIGGER_SOURCES,
  TriggerTypeSchema,
  type TriggerEventData,
} from './events.ts';
import { SEVERITIES, type Severity } from './severity.ts';

/** Longest payload, as JSON text in UTF-8 bytes. */
export const MAX_PAYLOAD_BYTES = 32 * 1024;

/** How far `requestedAt` may lie ahead of the kernel's clock. */
export const MAX_AHEAD_MS = 5 * 60 * 1000;

/** Where a request may come from; a dry run can never be stored. */
const SOURCES = [...TRIGGER_SOURCES, 'api_dry_run'] as const;

/** An instant as a client gives it. */
export const InstantInput = z
  .union([z.string(), z.date()], { error: 'must be RFC 3339 text with an offset, or a Date' })
  .transform((value, context): Instant => {
    const instant =
      typeof value === 'string' ? parseInstant(value) : dateToInstant(value.getTime());
    if (instant.ok) return instant.value;
    context.issues.push({ code: 'custom', input: value, message: instant.error });
    return z.NEVER;
  });

/** Blank text is absent text: the contract omits what is empty. */
const optionalText = (max: number) =>
  z
    .string()
    .trim()
    .transform((text) => (text === '' ? undefined : text))
    .pipe(textUpTo(max).optional())
    .optional();

/** A request to raise a trigger, as an embedder gives it. */
export const RaiseInputSchema = z.strictObject({
  userId: IdSchema,
  triggerType: TriggerTypeSchema,
  source: z.enum(SOURCES, { error: `must be one of ${SOURCES.join(', ')}` }),
  targetType: z.enum(TARGET_TYPES, { error: `must be one of ${TARGET_TYPES.join(', ')}` }),
  targetId: IdSchema,
  /** Default: now. */
  requestedAt: InstantInput.optional(),
  feedbackId: optionalText(128),
  /** Repeats of one request under one key have one effect. */
  idempotencyKey: optionalText(191),
  jobId: optionalText(64),
  traceId: optionalText(64),
  /** How urgent it is; a policy may let it through where it has risen. Default: none, as `normal`. */
  severity: z.enum(SEVERITIES, { error: `must be one of ${SEVERITIES.join(', ')}` }).optional(),
  /** Pretend time, for API sources only; such triggers never meet real ones. */
  mockNow: InstantInput.optional(),
  payload: JsonSchema.refine((value) => payloadBytes(value) <= MAX_PAYLOAD_BYTES, {
    error: `is larger than ${MAX_PAYLOAD_BYTES} bytes of JSON`,
  }).optional(),
});

/** {@link RaiseInputSchema} before it is checked. */
export type RaiseInput = z.input<typeof RaiseInputSchema>;

/** A request that has passed every check that needs no state. */
export type RaiseRequest = {
  readonly userId: UserId;
  readonly triggerType: string;
  readonly source: (typeof TRIGGER_SOURCES)[number];
  readonly targetType: (typeof TARGET_TYPES)[number];
  readonly targetId: TargetId;
  readonly requestedAt: Instant;
  readonly feedbackId?: string | undefined;
  readonly idempotencyKey?: string | undefined;
  readonly jobId?: string | undefined;
  readonly traceId: string;
  readonly severity?: Severity | undefined;
  readonly mockNow?: Instant | undefined;
  /** A preview is offered and nobody is told of it; never of a raise. */
  readonly quiet?: true | undefined;
  readonly payload?: Json | undefined;
};

/** The request that a raised trigger was made of. */
export function raisedRequest(raised: TriggerEventData<'TriggerRaised'>): RaiseRequest {
  const { triggerId: _id, occurrence: _n, dedupeKey: _key, personal, ...facts } = raised;
  return { ...facts, payload: personal.payload };
}

/** One thing wrong with one field. */
export type Issue = { readonly field: string; readonly message: string };

/** Why a request was refused; stable codes. */
export type Rejection = {
  readonly code:
    | 'unknown_field'
    | 'invalid_field'
    | 'unknown_trigger_type'
    | 'dry_run_only'
    | 'mock_not_allowed'
    | 'payload_invalid'
    | 'requested_at_in_future'
    | 'too_large';
  readonly message: string;
  readonly issues: readonly Issue[];
};

/** A rejection about one field. */
export function rejection(code: Rejection['code'], field: string, message: string): Rejection {
  return { code, message: `${field} ${message}`, issues: [{ field, message }] };
}

/**
 * Turns what a client sent into a request.
 *
 * @param defaults.now the instant taken for an absent `requestedAt`
 * @param defaults.traceId taken for an absent `traceId`
 */
export function parseRaise(
  input: unknown,
  defaults: { readonly now: Instant; readonly traceId: string },
): Result<RaiseRequest, Rejection> {
  const parsed = RaiseInputSchema.safeParse(input);
  if (!parsed.success) return err(rejectionOf(parsed.error, input));
  const { source, requestedAt, traceId, ...rest } = parsed.data;
  if (source === 'api_dry_run') {
    return err(rejection('dry_run_only', 'source', 'api_dry_run can only be used for a dry run'));
  }
  if (rest.mockNow !== undefined && source !== 'api_trigger') {
    return err(rejection('mock_not_allowed', 'mockNow', 'is allowed with source api_trigger only'));
  }
  const request = { ...rest, source };
  return ok({
    ...request,
    requestedAt: requestedAt ?? defaults.now,
    traceId: traceId ?? defaults.traceId,
  });
}

/** Fields and reasons of a failed parse; values are never quoted. */
export function rejectionOf(error: z.ZodError, input: unknown): Rejection {
  const issues = error.issues.flatMap((issue): Issue[] => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ field: printable(key), message: 'is not a known field' }));
    }
    const field = issue.path.map(String).join('.') || 'request';
    return [{ field, message: isAbsent(input, field) ? 'is required' : issue.message }];
  });
  const unknown = error.issues.every((issue) => issue.code === 'unrecognized_keys');
  return {
    code: unknown ? 'unknown_field' : 'invalid_field',
    message: issues.map(({ field, message }) => `${field} ${message}`).join('; '),
    issues,
  };
}

const encoder = new TextEncoder();

function payloadBytes(value: unknown): number {
  return encoder.encode(JSON.stringify(value)).length;
}

function dateToInstant(time: number): Result<Instant, string> {
  return Number.isInteger(time) && time >= 0 && time <= MAX_INSTANT
    ? ok(time)
    : err('is outside the years 1970 to 9999');
}

function isAbsent(input: unknown, field: string): boolean {
  return typeof input === 'object' && input !== null && field !== 'request' && !(field in input);
}

// A field's name comes from outside: keep it short and on one line.
function printable(key: string): string {
  return key.slice(0, 64).replace(/[^\x20-\x7e]/g, '?');
}
