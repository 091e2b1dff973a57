// The JSON of the API: snake_case like the contracts, instants in RFC 3339.
import { z } from 'zod';
import { JsonSchema, textUpTo } from '../../../domain/core/envelope.ts';
import { emitId, IdSchema } from '../../../domain/core/identity.ts';
import { formatInstant, parseInstant } from '../../../domain/core/instants.ts';
import type { PreviewView } from '../../../domain/preview/view.ts';
import type { Candidate } from '../../../domain/preview/candidates.ts';
import { ChannelSchema, NameSchema } from '../../../domain/core/vocabulary.ts';
import { SEVERITIES } from '../../../domain/core/severity.ts';
import { PREVIEW_KINDS } from '../../../domain/preview/events.ts';

/** An instant in a request, kept as text: the kernel parses it. */
export const InstantText = z
  .string()
  .max(64)
  .refine((text) => parseInstant(text).ok, { error: 'is not RFC 3339 with an offset' })
  .meta({ format: 'date-time' });

/** An id in an answer: a number exactly when it is numeric. */
export const IdShape = z.union([z.int().positive(), z.string()]);

export const InstantShape = z.string().meta({ format: 'date-time' });

/** The body of a dry run, a raise and a preview. */
export const TriggerBody = z.strictObject({
  trigger_type: NameSchema,
  /** One of the definition of the type. Default: its only one. */
  target_type: NameSchema.optional(),
  target_id: IdSchema,
  source: NameSchema.optional().describe(
    'One of the sources of the type. Default: its only one, else api_trigger where it allows that.',
  ),
  channel: ChannelSchema.optional(),
  scope_key: z.string().max(128).optional(),
  feedback_id: z.string().max(128).optional(),
  idempotency_key: z.string().max(191).optional(),
  trace_id: z.string().max(64).optional(),
  severity: z.enum(SEVERITIES, { error: `must be one of ${SEVERITIES.join(', ')}` }).optional(),
  mock_now: InstantText.optional(),
  payload: JsonSchema.optional(),
});

export const CandidateShape = z.object({
  candidate_id: z.string(),
  type: z.string(),
  score: z.number(),
  summary: z.string().optional(),
  changes: z.array(
    z.object({
      change_id: z.string(),
      type: z.string(),
      target_type: z.string(),
      target_id: IdShape,
      start_at: InstantShape,
      end_at: InstantShape,
      editable: z.boolean(),
    }),
  ),
});

export function candidateOf(candidate: Candidate): z.infer<typeof CandidateShape> {
  const { candidateId, type, score, summary, changes } = candidate;
  return {
    candidate_id: candidateId,
    type,
    score,
    ...(summary === undefined ? {} : { summary }),
    changes: changes.map(({ changeId, targetType, targetId, startAt, endAt, ...change }) => ({
      change_id: changeId,
      type: change.type,
      target_type: targetType,
      target_id: emitId(targetId),
      start_at: formatInstant(startAt),
      end_at: formatInstant(endAt),
      editable: change.editable,
    })),
  };
}

export const PreviewShape = z.object({
  preview_id: z.string(),
  kind: z.enum(PREVIEW_KINDS),
  status: z.enum(['ready', 'applied', 'dismissed', 'expired', 'cancelled']),
  summary: z.string(),
  offered_at: InstantShape,
  expires_at: InstantShape,
  can_confirm: z.boolean(),
  can_dismiss: z.boolean(),
  candidate_id: z.string().optional(),
  candidates: z.array(CandidateShape),
  base_version: z.string().optional(),
  links_removed: z.int().optional(),
  snapshot: z.unknown().optional(),
  trigger: z.object({
    trigger_id: z.string(),
    trigger_type: z.string(),
    source: z.string(),
    target_type: z.string(),
    target_id: IdShape,
    requested_at: InstantShape,
    mock: z.boolean(),
  }),
  apply: z
    .object({
      apply_id: z.string(),
      candidate_id: z.string(),
      status: z.enum(['open', 'applied', 'failed']),
      applied_event_ids: z.array(z.string()),
      code: z.string().optional(),
      detail: z.string().optional(),
    })
    .optional(),
});

export function previewOf(view: PreviewView): object {
  const { trigger, apply } = view;
  return {
    preview_id: view.previewId,
    kind: view.kind,
    status: view.status,
    summary: view.summary,
    offered_at: formatInstant(view.offeredAt),
    expires_at: formatInstant(view.expiresAt),
    can_confirm: view.canConfirm,
    can_dismiss: view.canDismiss,
    candidate_id: view.candidateId,
    candidates: view.candidates.map(candidateOf),
    base_version: view.baseVersion,
    links_removed: view.linksRemoved,
    snapshot: view.snapshot,
    trigger: {
      trigger_id: trigger.triggerId,
      trigger_type: trigger.triggerType,
      source: trigger.source,
      target_type: trigger.targetType,
      target_id: emitId(trigger.targetId),
      requested_at: trigger.requestedAt,
      mock: trigger.mock,
    },
    apply: apply && {
      apply_id: apply.applyId,
      candidate_id: apply.candidateId,
      status: apply.status,
      applied_event_ids: apply.appliedEventIds,
      code: apply.code,
      detail: apply.detail,
    },
  };
}

/** The reason of a change; recorded in the log. */
export const Reason = z.string().trim().pipe(textUpTo(256));
