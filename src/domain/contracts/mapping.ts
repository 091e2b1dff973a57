// Maps the camelCase of events to the snake_case of contracts and back.
import { emitId } from '../core/identity.ts';
import { messageOf, rejection } from '../core/input.ts';
import { formatInstant, type Instant } from '../core/instants.ts';
import type { Json } from '../core/json.ts';
import { err, ok, type Result } from '../core/result.ts';
import { printable } from '../core/text.ts';
import type { NotificationRequest } from '../notification/events.ts';
import { dedupeKeyOf, type KeyedNotification } from '../policy/dedupe-key.ts';
import type { PreviewEventData } from '../preview/events.ts';
import type { Rejection } from '../trigger/commands.ts';
import type { TriggerEventData } from '../trigger/events.ts';
import type {
  NotificationRequested,
  ScheduleApplyFailed,
  ScheduleApplySucceeded,
  TriggerRaised,
} from './schemas.ts';

export function toTriggered(data: TriggerEventData<'TriggerRaised'>): TriggerRaised {
  const { mockNow } = data;
  return {
    trigger_id: data.triggerId,
    user_id: emitId(data.userId),
    trigger_type: data.triggerType,
    source: data.source,
    target_type: data.targetType,
    target_id: emitId(data.targetId),
    feedback_id: data.feedbackId,
    idempotency_key: data.idempotencyKey,
    scope_key: data.scopeKey,
    dedupe_key: data.dedupeKey,
    trace_id: data.traceId,
    mock_now: mockNow === undefined ? undefined : formatInstant(mockNow),
    is_mock_time: mockNow !== undefined,
    requested_at: formatInstant(data.requestedAt),
    payload: data.personal.payload,
    mock: mockNow === undefined ? undefined : true,
  };
}

/** What a message says of its notification besides the request. */
export type NotificationFacts = Pick<KeyedNotification, 'per' | 'windowStart'> & {
  /** Requests that were suppressed since the notification before; null: none. */
  readonly suppressedSince: { readonly count: number; readonly firstAt: Instant } | null;
};

export function toNotificationRequested(
  data: NotificationRequest,
  sent: NotificationFacts & { readonly id: string },
): NotificationRequested {
  const { userId: user, triggerType, targetType, targetId } = data;
  const { summary, fallbackText } = data.personal;
  const since = sent.suppressedSince;
  return {
    notification_id: sent.id,
    user_id: emitId(data.userId),
    preview_id: data.previewId,
    trigger_id: data.triggerId,
    trigger_type: data.triggerType,
    target_type: data.targetType,
    target_id: emitId(data.targetId),
    dedupe_key: dedupeKeyOf({ user, triggerType, targetType, targetId, ...sent }),
    target_url: data.targetUrl,
    summary_text: summary === '' ? undefined : summary,
    fallback_text: fallbackText === '' ? undefined : fallbackText,
    trace_id: data.traceId,
    requested_at: formatInstant(data.requestedAt),
    expires_at: formatInstant(data.expiresAt),
    suppressed_since:
      since === null ? undefined : { count: since.count, first_at: formatInstant(since.firstAt) },
    mock: data.mock ? true : undefined,
  };
}

export function toApplySucceeded(data: PreviewEventData<'ApplySucceeded'>): ScheduleApplySucceeded {
  return {
    ...toApply(data),
    applied_event_ids: data.appliedEventIds.map(emitId),
    apply_status: 'applied',
  };
}

export function toApplyFailed(data: PreviewEventData<'ApplyFailed'>): ScheduleApplyFailed {
  return { ...toApply(data), apply_status: 'failed', error_code: data.code };
}

function toApply(data: PreviewEventData<'ApplySucceeded' | 'ApplyFailed'>) {
  return {
    preview_id: data.previewId,
    apply_id: data.applyId,
    user_id: emitId(data.userId),
    trigger_id: data.triggerId,
    candidate_id: data.candidateId,
    trace_id: data.traceId,
  };
}

/** The fields of a raise line: the contract without the fields that the kernel sets, and the severity. */
const RAISE_FIELDS = new Map([
  ['user_id', 'userId'],
  ['trigger_type', 'triggerType'],
  ['source', 'source'],
  ['target_type', 'targetType'],
  ['target_id', 'targetId'],
  ['feedback_id', 'feedbackId'],
  ['scope_key', 'scopeKey'],
  ['channel', 'channel'],
  ['idempotency_key', 'idempotencyKey'],
  ['trace_id', 'traceId'],
  ['mock_now', 'mockNow'],
  ['requested_at', 'requestedAt'],
  ['severity', 'severity'],
  ['payload', 'payload'],
]);

const CONTRACT_FIELDS = new Map(Array.from(RAISE_FIELDS, ([snake, camel]) => [camel, snake]));

/** The kernel's input from a raise line; values are not changed. */
export function fromRaiseLine(line: Json): Result<Readonly<Record<string, Json>>, Rejection> {
  if (typeof line !== 'object' || line === null || Array.isArray(line)) {
    return err(rejection('invalid_field', 'line', 'is not a JSON object'));
  }
  const input: [string, Json][] = [];
  for (const [key, value] of Object.entries(line)) {
    const field = RAISE_FIELDS.get(key);
    if (field === undefined) {
      return err(rejection('unknown_field', printable(key), 'is not a field of a raise line'));
    }
    input.push([field, value]);
  }
  if (!('requested_at' in line)) {
    return err(rejection('invalid_field', 'requested_at', 'is required'));
  }
  return ok(Object.fromEntries(input));
}

export function toContractFields(rejected: Rejection): Rejection {
  const issues = rejected.issues.map(({ field, message }) => {
    const [head = '', ...path] = field.split('.');
    return { field: [CONTRACT_FIELDS.get(head) ?? head, ...path].join('.'), message };
  });
  return { ...rejected, issues, message: messageOf(issues) };
}
