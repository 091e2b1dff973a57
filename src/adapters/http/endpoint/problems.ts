// What a caller is told when it did not work: stable codes, each with its status. docs/http-api.md has
import type { Issue } from '../../../domain/core/input.ts';

// the same list; a test compares them.
/** Every code with its status and its title. */
export const PROBLEMS = {
  invalid_json: [400, 'The body is not JSON'],
  invalid_field: [400, 'A field has a value that it cannot have'],
  unknown_field: [400, 'There is no such field'],
  user_required: [400, 'Nobody says whom it is about'],
  key_mismatch: [400, 'Two idempotency keys'],
  unknown_trigger_type: [400, 'There is no such trigger type'],
  payload_invalid: [400, 'The payload does not fit its type'],
  invalid_edited_changes: [400, 'The edited changes do not fit the candidate'],
  invalid_url: [400, 'The channel’s address is not taken'],
  invalid_secret: [400, 'The channel’s secret is not taken'],
  unauthorized: [401, 'No valid token'],
  scope_missing: [403, 'The token does not allow this'],
  other_user: [403, 'The token is another user’s'],
  not_found: [404, 'There is none'],
  method_not_allowed: [405, 'Not this method'],
  already_applied: [409, 'It was applied before'],
  already_delivered: [409, 'It was delivered'],
  apply_failed: [409, 'It could not be applied'],
  apply_in_progress: [409, 'It is being applied'],
  channel_disabled: [409, 'The channel is switched off'],
  conflict: [409, 'Others were faster, again and again'],
  dismissed: [409, 'It was dismissed'],
  expired: [409, 'Its time is over'],
  idempotency_conflict: [409, 'The key stands for another request'],
  not_configured: [409, 'There is no such channel'],
  nothing_to_offer: [409, 'There is nothing to offer'],
  stream_deleted: [409, 'Its history was deleted'],
  under_way: [409, 'It is still under way'],
  too_large: [413, 'Too much'],
  unsupported_media_type: [415, 'Not JSON'],
  rate_limited: [429, 'Too many requests'],
  too_many_tests: [429, 'Too many test messages'],
  internal_error: [500, 'Something is wrong here'],
  unavailable: [503, 'Something that is needed is away'],
  outcome_unknown: [504, 'No answer in time'],
} as const satisfies Readonly<Record<string, readonly [status: number, title: string]>>;

export type ProblemCode = keyof typeof PROBLEMS;

/** A problem as a value; `detail` says what to do. */
export type Problem = {
  readonly code: ProblemCode;
  readonly detail: string;
  readonly issues?: readonly Issue[];
  /** Seconds after which trying again makes sense. */
  readonly retryAfter?: number;
  /** Further members of the answer. */
  readonly members?: Readonly<Record<string, unknown>>;
};

/** What a kernel's rejection is to a caller: its own code where there is one, else a wrong field. */
export function rejectionProblem(rejected: {
  readonly code: string;
  readonly message: string;
  readonly issues?: readonly Issue[];
}): Problem {
  const { message: detail, issues = [] } = rejected;
  const code = SAME_CODE.get(rejected.code) ?? 'invalid_field';
  const retry = code === 'too_many_tests' ? { retryAfter: 3600 } : {};
  return { code, detail, ...retry, ...(issues.length > 0 ? { issues } : {}) };
}

const SAME_CODE: ReadonlyMap<string, ProblemCode> = new Map([
  ...Object.keys(PROBLEMS)
    .filter(isProblemCode)
    .map((code) => [code, code] as const),
  // A delivery whose preview is over; a preview of somebody else, who is not told that it is there.
  ['over', 'expired'],
  ['forbidden', 'not_found'],
  ['unknown_delivery', 'not_found'],
]);

function isProblemCode(code: string): code is ProblemCode {
  return code in PROBLEMS;
}
