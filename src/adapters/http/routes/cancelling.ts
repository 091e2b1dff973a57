// The endpoints that cancel triggers whose reason has gone: one by its id, or all of a type about a target.
import { z } from 'zod';
import { emitId, IdSchema } from '../../../domain/core/identity.ts';
import { NameSchema } from '../../../domain/core/vocabulary.ts';
import { DELIVERY_STATUSES } from '../../../domain/delivery/effects.ts';
import type { CancelResult } from '../../../kernel/cancel/cancel.ts';
import type { Kernel } from '../../../kernel/open-kernel.ts';
import {
  answer,
  NO_QUERY,
  ofAny,
  ofOne,
  refuse,
  rejected,
  success,
  type Answer,
  type Endpoint,
} from '../endpoint/endpoint.ts';
import { IdShape, Reason } from '../endpoint/shapes.ts';

const CancelledShape = z.object({
  outcome: z.enum(['cancelled', 'unchanged']),
  triggers: z.array(
    z.object({
      trigger_id: z.string(),
      user_id: IdShape,
      status: z.enum(['cancelled', 'unchanged', 'apply_in_progress']),
      delivery: z.enum(['none', ...DELIVERY_STATUSES]),
    }),
  ),
});

const cancelled = success('What became of each trigger and of its notification', CancelledShape);

const CANCEL_MS = 8_000;

const base = '/api/v1/active-schedule';

export function cancelEndpoints(kernel: Pick<Kernel, 'cancel'>): readonly Endpoint[] {
  return [
    ofOne({
      method: 'post',
      path: `${base}/trigger/{trigger_id}/cancel`,
      operationId: 'cancelTrigger',
      summary: 'Cancel a trigger whose reason has gone; what was sent stays sent',
      scope: 'trigger:raise',
      body: z.strictObject({ reason: Reason }),
      answers: cancelled,
      problems: ['not_found'],
      deadlineMs: CANCEL_MS,
      async handle({ params, userId, body: { reason }, actor, traceparent }) {
        const triggerId = params['trigger_id'] ?? '';
        const result = await kernel.cancel({ triggerId, userId, reason }, { actor, traceparent });
        return answerOf(result);
      },
    }),
    ofAny({
      method: 'post',
      path: `${base}/cancel`,
      operationId: 'cancelTarget',
      summary:
        'Cancel all triggers of a type about a target whose reason has gone, of one user or, for the service, of all',
      scope: 'trigger:raise',
      query: NO_QUERY,
      body: z.strictObject({
        trigger_type: NameSchema,
        /** Default: any. */
        target_type: NameSchema.optional(),
        target_id: IdSchema,
        reason: Reason,
      }),
      answers: cancelled,
      problems: ['unknown_trigger_type'],
      deadlineMs: CANCEL_MS,
      async handle({ userId, body, actor, traceparent }) {
        const { trigger_type: triggerType, target_type: targetType, target_id, reason } = body;
        const about = { triggerType, targetType, targetId: target_id, userId, reason };
        return answerOf(await kernel.cancel(about, { actor, traceparent }));
      },
    }),
  ];
}

function answerOf(result: CancelResult): Answer {
  if (result.outcome === 'not_found') return refuse('not_found', 'No trigger has that id.');
  if (result.outcome === 'rejected') return rejected(result);
  const { outcome, triggers } = result;
  return answer(200, {
    outcome,
    triggers: triggers.map(({ triggerId, userId, status, delivery }) => ({
      trigger_id: triggerId,
      user_id: emitId(userId),
      status,
      delivery,
    })),
  });
}
