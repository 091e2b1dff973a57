// The request to raise a trigger, as a client sends it and as it is after validation.
import { z } from 'zod';
import { JsonSchema, textUpTo } from '../core/envelope.ts';
import { IdSchema } from '../core/identity.ts';
import {
  InstantInput,
  issuesOf,
  rejection,
  rejectionWith,
  type RejectionOf,
} from '../core/input.ts';
import type { Instant } from '../core/instants.ts';
import type { Json } from '../core/json.ts';
import { err, ok, type Result } from '../core/result.ts';
import { TARGET_TYPES, TRIGGER_SOURCES, TriggerTypeSchema } from '../core/vocabulary.ts';
import { SEVERITIES } from '../core/severity.ts';
import type { requestFields } from '../core/trigger-fields.ts';
import type { TriggerEventData } from './events.ts';

export const MAX_PAYLOAD_BYTES = 32 * 1024;

/** How far `requestedAt` may lie ahead of the kernel's clock. */
export const MAX_AHEAD_MS = 5 * 60 * 1000;

/** The sources of a request; a dry run is never stored. */
const SOURCES = [...TRIGGER_SOURCES, 'api_dry_run'] as const;

/** Blank text counts as absent. */
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
  /** A policy may let a higher severity through. Default: none, which counts as `normal`. */
  severity: z.enum(SEVERITIES, { error: `must be one of ${SEVERITIES.join(', ')}` }).optional(),
  /** Pretend time, for API sources only; mock triggers and real ones have separate dedupe scopes. */
  mockNow: InstantInput.optional(),
  payload: JsonSchema.refine((value) => payloadBytes(value) <= MAX_PAYLOAD_BYTES, {
    error: `is larger than ${MAX_PAYLOAD_BYTES} bytes of JSON`,
  }).optional(),
});

/** {@link RaiseInputSchema} before it is checked. */
export type RaiseInput = z.input<typeof RaiseInputSchema>;

/** A valid request. */
export type RaiseRequest = Readonly<
  Omit<z.output<z.ZodObject<typeof requestFields>>, 'personal'> & { payload?: Json | undefined }
>;

export function raisedRequest(raised: TriggerEventData<'TriggerRaised'>): RaiseRequest {
  const { triggerId: _id, occurrence: _n, dedupeKey: _key, personal, ...facts } = raised;
  return { ...facts, payload: personal.payload };
}

/** Why a request was refused; stable codes. */
export type Rejection = RejectionOf<
  | 'unknown_field'
  | 'invalid_field'
  | 'unknown_trigger_type'
  | 'dry_run_only'
  | 'mock_not_allowed'
  | 'payload_invalid'
  | 'requested_at_in_future'
  | 'too_large'
>;

/** Validates what a client sent; `defaults` fills absent fields. */
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

export function rejectionOf(error: z.ZodError, input: unknown): Rejection {
  const unknown = error.issues.every((issue) => issue.code === 'unrecognized_keys');
  return rejectionWith(unknown ? 'unknown_field' : 'invalid_field', issuesOf(error, { input }));
}

const encoder = new TextEncoder();

function payloadBytes(value: unknown): number {
  return encoder.encode(JSON.stringify(value)).length;
}
