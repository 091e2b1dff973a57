// The endpoints of triggers: dry run, raise and get.
import { z } from 'zod';
import { emitId } from '../../../domain/core/identity.ts';
import { formatInstant } from '../../../domain/core/instants.ts';
import { PREVIEW_KINDS } from '../../../domain/preview/events.ts';
import type { Evaluation } from '../../../domain/trigger/evaluation.ts';
import type { Kernel, TriggerView } from '../../../kernel/open-kernel.ts';
import { toContractFields } from '../../../domain/contracts/mapping.ts';
import {
  NO_BODY,
  answer,
  ofOne,
  refuse,
  rejected,
  success,
  type Endpoint,
} from '../endpoint/endpoint.ts';
import {
  CandidateShape,
  candidateOf,
  IdShape,
  InstantShape,
  TriggerBody,
} from '../endpoint/shapes.ts';
import { inputOf, raiseFailure, RAISE_MS, RAISE_PROBLEMS } from './raising.ts';

const DryRunShape = z.object({
  outcome: z.enum(['offer', 'close', 'reject']),
  kind: z.enum(PREVIEW_KINDS).optional(),
  summary: z.string().optional(),
  candidates: z.array(CandidateShape),
  base_version: z.string().optional(),
  snapshot: z.unknown().optional(),
  code: z.string().optional(),
  reason: z.string().optional(),
  warnings: z.array(
    z.object({
      code: z.enum(['links_removed', 'summary_blank', 'text_blank']),
      links: z.int(),
      summary: z.string(),
    }),
  ),
});

const RaisedShape = z.object({
  trigger_id: z.string(),
  status: z.enum(['pending', 'offered', 'closed', 'rejected', 'abandoned', 'cancelled']),
  preview_id: z.string().optional(),
  dedupe_hit: z.boolean(),
});

const TriggerShape = z.object({
  trigger_id: z.string(),
  occurrence: z.int(),
  user_id: IdShape,
  trigger_type: z.string(),
  source: z.string(),
  target_type: z.string(),
  target_id: IdShape,
  status: RaisedShape.shape.status,
  reason: z.string().optional(),
  preview_id: z.string().optional(),
  trace_id: z.string(),
  requested_at: InstantShape,
  is_mock_time: z.boolean(),
});

const base = '/api/v1/active-schedule';

export function triggerEndpoints(
  kernel: Pick<Kernel, 'dryRun' | 'raise' | 'trigger'>,
): readonly Endpoint[] {
  return [
    ofOne({
      method: 'post',
      path: `${base}/dry-run`,
      operationId: 'dryRun',
      summary: 'Evaluate a trigger without writing or sending anything',
      scope: 'trigger:raise',
      body: TriggerBody,
      answers: success('The evaluation', DryRunShape),
      problems: ['unknown_trigger_type', 'payload_invalid', 'unknown_channel'],
      deadlineMs: RAISE_MS,
      async handle({ body, signal, ...given }) {
        const input = inputOf(given, body);
        if (!input.ok) return input.error;
        const result = await kernel.dryRun(input.value, { signal });
        if (result.ok) {
          const { evaluation, warnings } = result.value;
          return answer(200, { ...evaluationOf(evaluation), warnings });
        }
        return rejected(toContractFields(result.error));
      },
    }),
    ofOne({
      method: 'post',
      path: `${base}/trigger`,
      operationId: 'raiseTrigger',
      summary:
        'Raise a trigger: once per scope while it is active, once per idempotency key for ever',
      scope: 'trigger:raise',
      body: TriggerBody,
      takesKey: true,
      answers: {
        201: { description: 'The trigger was raised', schema: RaisedShape },
        200: { description: 'The trigger existed before (`dedupe_hit`)', schema: RaisedShape },
      },
      problems: RAISE_PROBLEMS,
      deadlineMs: RAISE_MS,
      async handle({ body, actor, traceparent, deadlineMs, ...given }) {
        const input = inputOf(given, body);
        if (!input.ok) return input.error;
        const result = await kernel.raise(input.value, { actor, traceparent, deadlineMs });
        if (result.outcome !== 'raised' && result.outcome !== 'duplicate') {
          return raiseFailure(result);
        }
        const { triggerId, duplicate } = result;
        const view = await kernel.trigger(triggerId);
        return answer(duplicate ? 200 : 201, {
          trigger_id: triggerId,
          status: view?.status ?? 'pending',
          preview_id: view?.preview?.previewId,
          dedupe_hit: duplicate,
        });
      },
    }),
    ofOne({
      method: 'get',
      path: `${base}/trigger/{trigger_id}`,
      operationId: 'getTrigger',
      summary: 'Get a trigger',
      scope: 'trigger:read',
      body: NO_BODY,
      answers: success('The trigger', TriggerShape),
      problems: ['not_found'],
      deadlineMs: RAISE_MS,
      async handle({ params, userId }) {
        const view = await kernel.trigger(params['trigger_id'] ?? '');
        // An id can be computed, so it proves nothing: check the owner.
        if (view?.raised.userId !== userId) return refuse('not_found', 'No trigger has that id.');
        return answer(200, triggerOf(view));
      },
    }),
  ];
}

function evaluationOf(evaluation: Evaluation): object {
  switch (evaluation.outcome) {
    case 'offer': {
      const { outcome, kind, summary, candidates = [], baseVersion, snapshot } = evaluation;
      const shown = candidates.map(candidateOf);
      return { outcome, kind, summary, candidates: shown, base_version: baseVersion, snapshot };
    }
    case 'close':
    case 'reject':
      return { ...evaluation, candidates: [] };
  }
}

function triggerOf({ occurrence, raised, status, reason, preview }: TriggerView): object {
  return {
    trigger_id: raised.triggerId,
    occurrence,
    user_id: emitId(raised.userId),
    trigger_type: raised.triggerType,
    source: raised.source,
    target_type: raised.targetType,
    target_id: emitId(raised.targetId),
    status,
    reason,
    preview_id: preview?.previewId,
    trace_id: raised.traceId,
    requested_at: formatInstant(raised.requestedAt),
    is_mock_time: raised.mockNow !== undefined,
  };
}
