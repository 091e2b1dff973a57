// Shared by the endpoints that raise: the kernel's input of a body, and the answer of a failure.
import type { z } from 'zod';
import type { RaiseInput } from '../../../domain/trigger/commands.ts';
import { toContractFields } from '../../../domain/contracts/mapping.ts';
import { err, ok, type Result } from '../../../domain/core/result.ts';
import type { RaiseResult } from '../../../kernel/raise/raise-result.ts';
import { refuse, rejected, type Answer, type Given } from '../endpoint/endpoint.ts';
import type { ProblemCode } from '../endpoint/problems.ts';
import type { TriggerBody } from '../endpoint/shapes.ts';

/** Deadline of a raise. */
export const RAISE_MS = 3_000;

/** The problems of {@link inputOf} and {@link raiseFailure}, besides those of all endpoints. */
export const RAISE_PROBLEMS = [
  'key_mismatch',
  'unknown_trigger_type',
  'payload_invalid',
  'unknown_channel',
  'idempotency_conflict',
  'conflict',
  'stream_deleted',
] as const satisfies readonly ProblemCode[];

type Body = z.output<typeof TriggerBody>;

/** The kernel's input, or the problem of two different keys. */
export function inputOf(
  { userId, key }: Pick<Given, 'key'> & { readonly userId: string },
  body: Body,
): Result<RaiseInput, Answer> {
  const used = oneKey(key, body.idempotency_key);
  if (!used.ok) return used;
  const input: Record<string, unknown> = {
    // The kernel knows the sources of the type.
    source: body.source,
    targetType: body.target_type,
    channel: body.channel,
    scopeKey: body.scope_key,
    feedbackId: body.feedback_id,
    idempotencyKey: used.value,
    traceId: body.trace_id,
    severity: body.severity,
    mockNow: body.mock_now,
    payload: body.payload,
  };
  return ok({
    userId,
    triggerType: body.trigger_type,
    targetId: body.target_id,
    // Absent rather than undefined: the request hash covers the fields that the client sent.
    ...Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined)),
  });
}

/** The idempotency key of header and body, or the problem of two different keys. */
export function oneKey(
  inHeader: string | undefined,
  fromBody: string | undefined,
): Result<string | undefined, Answer> {
  const trimmed = fromBody?.trim();
  const inBody = trimmed === '' ? undefined : trimmed;
  if (inHeader === undefined || inBody === undefined || inHeader === inBody) {
    return ok(inBody ?? inHeader);
  }
  const detail = 'The Idempotency-Key header and the body have different keys; send one key.';
  return err(refuse('key_mismatch', detail));
}

/** The answer to a raise without success. */
export function raiseFailure(
  result: Exclude<RaiseResult, { outcome: 'raised' | 'duplicate' }>,
): Answer {
  switch (result.outcome) {
    case 'rejected': {
      const { code, message, issues } = result;
      const isOfContract = code !== 'invalid_argument' && code !== 'stream_deleted';
      return rejected(isOfContract ? toContractFields({ code, message, issues }) : result);
    }
    case 'idempotency_conflict':
      return refuse('idempotency_conflict', `${result.message}; use a new one.`);
    case 'conflict':
      return refuse('conflict', result.message, { retryAfter: 1 });
    case 'unknown':
      return refuse(
        'outcome_unknown',
        'The trigger may have been raised. Send the same request again with the same key.',
        { members: { trigger_id: result.triggerId } },
      );
  }
}

/** The preview of a trigger; their ids differ only in the prefix. */
export const previewIdOf = (triggerId: string): string => triggerId.replace(/^ast_/, 'asp_');
