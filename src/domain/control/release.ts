// Decides whether an operator may release a request that a mute has suppressed.
import { formatInstant, type Instant } from '../core/instants.ts';
import { issuesOf, rejection, rejectionWith, type RejectionOf } from '../core/input.ts';
import type { Position } from '../core/positions.ts';
import { err, ok, type Result } from '../core/result.ts';
import { mutedUntil, policiesAt } from '../policy/in-force.ts';
import { ReasonSchema, type ControlEvent } from './events.ts';
import type { ControlState } from './state.ts';

/** The request to release, as the log holds it. */
export type RequestToRelease = {
  readonly event: string;
  readonly stream: string;
  readonly revision: bigint;
  readonly position: Position;
  readonly recordedAt: Instant;
  readonly triggerType: string;
  readonly expiresAt: Instant;
  /** Its trigger was cancelled. */
  readonly cancelled: boolean;
};

/** Why a release was refused; stable codes. */
export type ReleaseRejection = RejectionOf<'not_muted' | 'expired' | 'cancelled' | 'invalid_field'>;

/** An empty list of events means that the request was released already. */
export function decideRelease(
  state: ControlState,
  request: RequestToRelease,
  reason: unknown,
  context: { readonly recordedAt: Instant },
): Result<readonly ControlEvent[], ReleaseRejection> {
  const parsed = ReasonSchema.safeParse(reason);
  if (!parsed.success) {
    return err(rejectionWith('invalid_field', issuesOf(parsed.error, { whole: 'reason' })));
  }
  const { event, stream, revision, expiresAt } = request;
  if (state.released.includes(event)) return ok([]);
  if (!wasMuted(state, request)) {
    return err(rejection('not_muted', 'request', 'was not suppressed by a mute'));
  }
  if (request.cancelled) {
    return err(rejection('cancelled', 'request', 'belongs to a trigger that was cancelled'));
  }
  if (context.recordedAt >= expiresAt) {
    return err(rejection('expired', 'request', `has expired at ${formatInstant(expiresAt)}`));
  }
  const data = { event, stream, revision, reason: parsed.data };
  return ok([{ type: 'RequestReleased', data }]);
}

function wasMuted(state: ControlState, request: RequestToRelease): boolean {
  const { event, position, recordedAt, triggerType } = request;
  // A retry is decided at the operator's decision; whether a mute held there, the projection knows.
  if (state.retried.includes(event)) return true;
  const inForce = policiesAt(state.policyChanges, position);
  return recordedAt < (mutedUntil(inForce, triggerType) ?? 0);
}
