// The problem codes of the API, each with its status and title. A test compares them with docs/http-api.md.
import type { Issue } from '../../../domain/core/input.ts';

/** The codes with status and title. */
export const PROBLEMS = {
  invalid_json: [400, 'The body is not JSON'],
  invalid_field: [400, 'A field has an invalid value'],
  unknown_field: [400, 'Unknown field'],
  user_required: [400, 'The request names no user'],
  key_mismatch: [400, 'The request has two different idempotency keys'],
  unknown_trigger_type: [400, 'Unknown trigger type'],
  payload_invalid: [400, 'The payload does not match its trigger type'],
  unknown_channel: [400, 'The channel has no sender'],
  invalid_edited_changes: [400, 'The edited changes do not match the candidate'],
  invalid_url: [400, 'The address of the channel is not allowed'],
  invalid_secret: [400, 'The secret of the channel is invalid'],
  unauthorized: [401, 'No valid token'],
  scope_missing: [403, 'The token does not allow this'],
  other_user: [403, 'The token belongs to another user'],
  not_found: [404, 'Not found'],
  method_not_allowed: [405, 'Method not allowed'],
  already_applied: [409, 'The preview was applied before'],
  already_delivered: [409, 'The notification was delivered'],
  apply_failed: [409, 'The preview could not be applied'],
  apply_in_progress: [409, 'The preview is being applied'],
  cancelled: [409, 'The trigger was cancelled'],
  channel_disabled: [409, 'The channel is disabled'],
  conflict: [409, 'Concurrent requests prevented the write'],
  dismissed: [409, 'The preview was dismissed'],
  expired: [409, 'Expired'],
  idempotency_conflict: [409, 'The idempotency key belongs to another request'],
  not_configured: [409, 'The channel is not configured'],
  nothing_to_offer: [409, 'The evaluation offers nothing'],
  stream_deleted: [409, 'The stream was deleted'],
  under_way: [409, 'The delivery is still in progress'],
  too_large: [413, 'The body is too large'],
  unsupported_media_type: [415, 'The body is not JSON in a supported form'],
  rate_limited: [429, 'Too many requests'],
  too_many_tests: [429, 'Too many test messages'],
  internal_error: [500, 'Internal error'],
  storage_full: [503, 'The event store has no room'],
  unavailable: [503, 'A dependency is unavailable'],
  outcome_unknown: [504, 'The outcome is unknown'],
} as const satisfies Readonly<Record<string, readonly [status: number, title: string]>>;

export type ProblemCode = keyof typeof PROBLEMS;

/** A problem as a value; `detail` says what to do. */
export type Problem = {
  readonly code: ProblemCode;
  readonly detail: string;
  readonly issues?: readonly Issue[];
  /** Seconds to wait before the next try. */
  readonly retryAfter?: number;
  /** More members of the response. */
  readonly members?: Readonly<Record<string, unknown>>;
};

export type Rejection = {
  readonly code: string;
  readonly message: string;
  readonly issues?: readonly Issue[];
};

/** The problem of a kernel's rejection: the same code if the API has it, else `invalid_field`. */
export function rejectionProblem(rejected: Rejection): Problem {
  const { message: detail, issues = [] } = rejected;
  const code = SAME_CODE.get(rejected.code) ?? 'invalid_field';
  const retry = code === 'too_many_tests' ? { retryAfter: 3600 } : {};
  return { code, detail, ...retry, ...(issues.length > 0 ? { issues } : {}) };
}

const SAME_CODE: ReadonlyMap<string, ProblemCode> = new Map([
  ...Object.keys(PROBLEMS)
    .filter(isProblemCode)
    .map((code) => [code, code] as const),
  // `over` is a delivery after its expiry. `forbidden` is a preview of another user: do not reveal it.
  ['over', 'expired'],
  ['forbidden', 'not_found'],
  ['unknown_delivery', 'not_found'],
]);

function isProblemCode(code: string): code is ProblemCode {
  return code in PROBLEMS;
}
