// What the endpoints that raise have in common: from a body to an input, from a result to an answer.
import type { z } from 'zod';
import type { RaiseInput } from '../../../domain/trigger/commands.ts';
import { toContractFields } from '../../../domain/contracts/mapping.ts';
import type { RaiseResult } from '../../../kernel/raise/raise-result.ts';
import { refuse, type Answer, type Given } from '../endpoint/endpoint.ts';
import { rejectionProblem, type ProblemCode } from '../endpoint/problems.ts';
import type { TriggerBody } from '../endpoint/shapes.ts';

/** How long a raise may take. */
export const RAISE_MS = 3_000;

/** What {@link inputOf} and {@link raiseFailure} may answer, besides what any endpoint may. */
export const RAISE_PROBLEMS = [
  'key_mismatch',
  'unknown_trigger_type',
  'payload_invalid',
  'idempotency_conflict',
  'conflict',
  'stream_deleted',
] as const satisfies readonly ProblemCode[];

type Body = z.output<typeof TriggerBody>;

/** The kernel's input, or what is wrong about its two keys. */
export function inputOf(
  { userId, key }: Pick<Given, 'key'> & { readonly userId: string },
  body: Body,
): RaiseInput | Answer {
  const inBody = blankless(body.idempotency_key);
  if (key !== undefined && inBody !== undefined && key !== inBody) return keyMismatch();
  const input: Record<string, unknown> = {
    feedbackId: body.feedback_id,
    idempotencyKey: inBody ?? key,
    traceId: body.trace_id,
    severity: body.severity,
    mockNow: body.mock_now,
    payload: body.payload,
  };
  return {
    userId,
    source: 'api_trigger',
    triggerType: body.trigger_type,
    targetType: body.target_type,
    targetId: body.target_id,
    // Absent rather than undefined: the key's hash is of what was sent.
    ...Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined)),
  };
}

export function keyMismatch(): Answer {
  return refuse('key_mismatch', 'The Idempotency-Key header and the body name two keys; send one.');
}

export function isAnswer(value: RaiseInput | Answer): value is Answer {
  return 'kind' in value;
}

/** What is no success. */
export function raiseFailure(
  result: Exclude<RaiseResult, { outcome: 'raised' | 'duplicate' }>,
): Answer {
  switch (result.outcome) {
    case 'rejected': {
      const { code, message, issues } = result;
      if (code === 'invalid_argument' || code === 'stream_deleted') {
        return { kind: 'problem', problem: rejectionProblem(result) };
      }
      const inContract = toContractFields({ code, message, issues });
      return { kind: 'problem', problem: rejectionProblem(inContract) };
    }
    case 'idempotency_conflict':
      return refuse('idempotency_conflict', `${result.message}; use a new one.`);
    case 'conflict':
      return refuse('conflict', result.message, { retryAfter: 1 });
    case 'unknown':
      return refuse(
        'outcome_unknown',
        'It may have been raised. The same request again, with the same key, is safe.',
        { members: { trigger_id: result.triggerId } },
      );
  }
}

/** The preview that goes with a trigger: their ids have the same tail. */
export const previewIdOf = (triggerId: string): string => triggerId.replace(/^ast_/, 'asp_');

export function blankless(text: string | undefined): string | undefined {
  const trimmed = text?.trim();
  return trimmed === '' ? undefined : trimmed;
}
