// The endpoints of previews: create, get, confirm and dismiss. Only the owner can use them.
import { z } from 'zod';
import { IdSchema } from '../../../domain/core/identity.ts';
import { MAX_CHANGES } from '../../../domain/preview/candidates.ts';
import type { ConfirmInput } from '../../../domain/preview/commands.ts';
import type { Issue } from '../../../domain/core/input.ts';
import type { Kernel } from '../../../kernel/open-kernel.ts';
import type { ConfirmResult, DismissResult } from '../../../kernel/previews/results.ts';
import {
  NO_BODY,
  answer,
  ofOne,
  refuse,
  rejected,
  success,
  type Answer,
  type Endpoint,
} from '../endpoint/endpoint.ts';
import { InstantText, PreviewShape, previewOf, TriggerBody } from '../endpoint/shapes.ts';
import { inputOf, oneKey, previewIdOf, raiseFailure, RAISE_PROBLEMS } from './raising.ts';

const PREVIEW_MS = 5_000;
const READ_MS = 3_000;

const ConfirmBody = z.strictObject({
  candidate_id: z.string().max(256).optional(),
  action: z.enum(['', 'confirm'], { error: 'must be confirm' }).optional(),
  edited_changes: z
    .array(
      z.strictObject({
        change_id: z.string().max(280),
        start_at: InstantText,
        end_at: InstantText,
        type: z.string().max(64).optional(),
        target_type: z.string().max(64).optional(),
        target_id: IdSchema.optional(),
      }),
    )
    .max(MAX_CHANGES)
    .optional(),
  idempotency_key: z.string().max(191).optional(),
});

const AppliedShape = z.object({
  apply_id: z.string(),
  apply_status: z.literal('applied'),
  candidate_id: z.string(),
  applied_event_ids: z.array(z.string()),
});

const base = '/api/v1/active-schedule/preview';

export function previewEndpoints({ previews }: Pick<Kernel, 'previews'>): readonly Endpoint[] {
  const found = async (userId: string, previewId: string): Promise<object | undefined> => {
    const view = await previews.get(userId, previewId);
    return view && previewOf(view);
  };
  return [
    ofOne({
      method: 'post',
      path: base,
      operationId: 'createPreview',
      summary: 'Evaluate at once and offer a preview; sends no notification',
      scope: 'preview:write',
      body: TriggerBody,
      takesKey: true,
      answers: {
        201: { description: 'The preview', schema: PreviewShape },
        200: { description: 'The existing preview', schema: PreviewShape },
      },
      problems: [...RAISE_PROBLEMS, 'nothing_to_offer'],
      deadlineMs: PREVIEW_MS,
      async handle({ body, actor, traceparent, deadlineMs, signal, ...given }) {
        const input = inputOf(given, body);
        if (!input.ok) return input.error;
        const call = { actor, traceparent, deadlineMs, signal };
        const result = await previews.offer(input.value, call);
        if (result.outcome === 'nothing_to_offer') {
          return refuse('nothing_to_offer', `Nothing was stored: ${result.reason}.`);
        }
        if (result.outcome !== 'raised' && result.outcome !== 'duplicate') {
          return raiseFailure(result);
        }
        const preview = await found(given.userId, previewIdOf(result.triggerId));
        if (preview === undefined) {
          return refuse('nothing_to_offer', 'The evaluation made no preview.');
        }
        return answer(result.duplicate ? 200 : 201, preview);
      },
    }),
    ofOne({
      method: 'get',
      path: `${base}/{preview_id}`,
      operationId: 'getPreview',
      summary: 'Get a preview, also after it has ended',
      scope: 'preview:read',
      body: NO_BODY,
      answers: success('The preview', PreviewShape),
      problems: ['not_found'],
      deadlineMs: READ_MS,
      async handle({ params, userId }) {
        const preview = await found(userId, params['preview_id'] ?? '');
        return preview === undefined ? noPreview() : answer(200, preview);
      },
    }),
    ofOne({
      method: 'post',
      path: `${base}/{preview_id}/confirm`,
      operationId: 'confirmPreview',
      summary: 'Confirm a preview; repeats with the same key have one effect',
      scope: 'preview:write',
      body: ConfirmBody,
      takesKey: true,
      answers: success('The preview was applied', AppliedShape),
      problems: [
        'key_mismatch',
        'not_found',
        'already_applied',
        'apply_failed',
        'apply_in_progress',
        'cancelled',
        'conflict',
        'dismissed',
        'expired',
        'idempotency_conflict',
        'invalid_edited_changes',
        'stream_deleted',
      ],
      deadlineMs: PREVIEW_MS,
      async handle({ params, userId, body, key, actor, traceparent, deadlineMs }) {
        const used = oneKey(key, body.idempotency_key);
        if (!used.ok) return used.error;
        const input = confirmInputOf(body, used.value ?? '');
        const call = { actor, traceparent, deadlineMs };
        return confirmed(await previews.confirm(userId, params['preview_id'] ?? '', input, call));
      },
    }),
    ofOne({
      method: 'post',
      path: `${base}/{preview_id}/dismiss`,
      operationId: 'dismissPreview',
      summary: 'Dismiss a preview; a repeat has no further effect',
      scope: 'preview:write',
      body: z.strictObject({ reason: z.string().max(256).optional() }),
      bodyOptional: true,
      answers: success('The preview is dismissed', z.object({ dismissed: z.literal(true) })),
      problems: [
        'not_found',
        'already_applied',
        'apply_in_progress',
        'conflict',
        'expired',
        'stream_deleted',
      ],
      deadlineMs: PREVIEW_MS,
      async handle({ params, userId, body, actor, traceparent, deadlineMs }) {
        const reason = body.reason === undefined ? {} : { reason: body.reason };
        const call = { actor, traceparent, deadlineMs, ...reason };
        const result = await previews.dismiss(userId, params['preview_id'] ?? '', call);
        return result.outcome === 'dismissed' ? answer(200, { dismissed: true }) : failed(result);
      },
    }),
  ];
}

function confirmInputOf(
  { candidate_id, action, edited_changes }: z.output<typeof ConfirmBody>,
  idempotencyKey: string,
): ConfirmInput {
  return {
    candidateId: candidate_id,
    action,
    editedChanges: edited_changes?.map((change) => ({
      changeId: change.change_id,
      startAt: change.start_at,
      endAt: change.end_at,
      type: change.type,
      targetType: change.target_type,
      targetId: change.target_id,
    })),
    idempotencyKey,
  };
}

function confirmed(result: ConfirmResult): Answer {
  if (result.outcome === 'applied') {
    const { applyId, candidateId, appliedEventIds } = result;
    return answer(200, {
      apply_id: applyId,
      apply_status: 'applied',
      candidate_id: candidateId,
      applied_event_ids: appliedEventIds,
    });
  }
  if (result.outcome === 'failed') {
    const { applyId, code, detail } = result;
    const members = { apply: { apply_id: applyId, code, detail } };
    const advice = 'Nothing was written. Read the preview, and confirm it with a new key.';
    return refuse('apply_failed', advice, { members });
  }
  return failed(result);
}

function failed(
  result: Exclude<ConfirmResult | DismissResult, { outcome: 'applied' | 'failed' | 'dismissed' }>,
): Answer {
  switch (result.outcome) {
    case 'rejected': {
      // Do not reveal that another user's preview exists.
      if (result.code === 'forbidden' || result.code === 'not_found') return noPreview();
      const issues = result.issues.map(inSnakeCase);
      const detail = issues.map(({ field, message }) => `${field} ${message}`).join('; ');
      const message = detail === '' ? `${result.message}.` : detail;
      return rejected({ ...result, message, issues });
    }
    case 'conflict':
      return refuse('conflict', result.message, { retryAfter: 1 });
    case 'unknown':
      return refuse('outcome_unknown', 'Send the same request again to learn the outcome.');
  }
}

const noPreview = (): Answer => refuse('not_found', 'No preview has that id.');

function inSnakeCase({ field, message }: Issue): Issue {
  const snake = (name: string): string => name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
  return { field: snake(field), message };
}
