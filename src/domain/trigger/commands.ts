// The request to raise a trigger, as a client sends it and as it is after validation.
import { z } from 'zod';
import { textUpTo } from '../core/envelope.ts';
import { IdSchema } from '../core/identity.ts';
import { InstantInput, type RejectionOf } from '../core/input.ts';
import type { Json } from '../core/json.ts';
import { plainJson } from '../core/plain-json.ts';
import { ChannelSchema, NameSchema } from '../core/vocabulary.ts';
import { SEVERITIES } from '../core/severity.ts';
import type { requestFields } from '../core/trigger-fields.ts';
import type { TriggerEventData } from './events.ts';
export const MAX_PAYLOAD_BYTES = 32 * 1024;

/** How far `requestedAt` may lie ahead of the kernel's clock. */
export const MAX_AHEAD_MS = 5 * 60 * 1000;

/** The source of a raise that names none, where the definition allows any. */
export const DEFAULT_SOURCE = 'api_trigger';

/** The source of a dry run, which is never stored. */
export const DRY_RUN_SOURCE = 'api_dry_run';

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
  triggerType: NameSchema,
  /** One of the definition's. Default: its only one, else `api_trigger` where it allows that. */
  source: NameSchema.optional(),
  /** One of the definition's. Default: its only one. */
  targetType: NameSchema.optional(),
  targetId: IdSchema,
  /** Default: now. */
  requestedAt: InstantInput.optional(),
  feedbackId: optionalText(128),
  /** What the trigger is about besides its target; for definitions with the scope `scopeKey`, which require it. */
  scopeKey: optionalText(128),
  /** The channel of its notification. Default: the evaluation's, the definition's, the kernel's. */
  channel: ChannelSchema.optional(),
  /** Repeats of one request under one key have one effect. */
  idempotencyKey: optionalText(191),
  jobId: optionalText(64),
  traceId: optionalText(64),
  /** A policy may let a higher severity through. Default: none, which counts as `normal`. */
  severity: z.enum(SEVERITIES, { error: `must be one of ${SEVERITIES.join(', ')}` }).optional(),
  /** Pretend time, for sources that the definition allows it; mock triggers and real ones have separate dedupe scopes. */
  mockNow: InstantInput.optional(),
  payload: z
    .custom<Json>()
    .transform((value, context): Json => {
      const plain = plainJson(value, MAX_PAYLOAD_BYTES);
      if (plain.ok) return plain.value;
      const { path, message } = plain.error;
      context.issues.push({ code: 'custom', input: value, path: [...path], message });
      return z.NEVER;
    })
    .refine((value) => payloadBytes(value) <= MAX_PAYLOAD_BYTES, {
      error: `is larger than ${MAX_PAYLOAD_BYTES} bytes of JSON`,
    })
    .optional(),
});

/** {@link RaiseInputSchema} before it is checked. */
export type RaiseInput = z.input<typeof RaiseInputSchema>;

/** A valid request. */
export type RaiseRequest = Readonly<
  Omit<z.output<z.ZodObject<typeof requestFields>>, 'personal'> & { payload?: Json | undefined }
>;

export function raisedRequest(raised: TriggerEventData<'TriggerRaised'>): RaiseRequest {
  const {
    triggerId: _id,
    occurrence: _n,
    dedupeKey: _key,
    contract: _c,
    personal,
    ...facts
  } = raised;
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
  | 'unknown_channel'
  | 'requested_at_in_future'
  | 'too_large'
>;

const encoder = new TextEncoder();

function payloadBytes(value: unknown): number {
  return encoder.encode(JSON.stringify(value)).length;
}
