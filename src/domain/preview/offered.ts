// An offered preview with the trigger that offers it, and the events that decisions write about it.
import type { TargetId, UserId } from '../core/identity.ts';
import type { Instant } from '../core/instants.ts';
import type { PreviewEvent } from './events.ts';
import type { Apply, Preview } from './state.ts';

/** A preview, and the facts of its trigger that decisions and readers need. */
export type Offered = {
  readonly raised: {
    readonly triggerId: string;
    readonly occurrence: number;
    readonly userId: UserId;
    readonly triggerType: string;
    readonly source: string;
    readonly targetType: string;
    readonly targetId: TargetId;
    readonly traceId: string;
    readonly requestedAt: Instant;
    readonly mockNow?: Instant | undefined;
  };
  readonly preview: Preview;
};

export function applyStarted(offered: Offered, apply: Apply): PreviewEvent {
  const { attempt, idempotencyKey, requestHash, salt, leaseUntil, changes } = apply;
  const about = applyFields(offered, apply);
  const facts = { ...about, attempt, idempotencyKey, requestHash, leaseUntil };
  return { type: 'ApplyStarted', data: { ...facts, personal: { changes: [...changes], salt } } };
}

export function applySucceeded(
  offered: Offered,
  apply: Apply,
  appliedEventIds: string[],
): PreviewEvent {
  return { type: 'ApplySucceeded', data: { ...applyFields(offered, apply), appliedEventIds } };
}

export function applyFailed(
  offered: Offered,
  apply: Apply,
  { code, detail }: { readonly code: string; readonly detail?: string | undefined },
): PreviewEvent {
  const data = { ...applyFields(offered, apply), code, personal: { detail } };
  return { type: 'ApplyFailed', data };
}

export function previewEnded(
  offered: Offered,
  ending: NonNullable<Preview['ending']>,
  { applyId, detail }: { readonly applyId?: string; readonly detail?: string | undefined } = {},
): PreviewEvent {
  const personal = detail === undefined ? undefined : { detail };
  return { type: 'PreviewEnded', data: { ...previewFields(offered), ending, applyId, personal } };
}

function applyFields(offered: Offered, { applyId, candidateId }: Apply) {
  const { traceId } = offered.raised;
  const { expiresAt } = offered.preview;
  return { ...previewFields(offered), applyId, candidateId, traceId, expiresAt };
}

function previewFields({ raised, preview: { previewId } }: Offered) {
  const { triggerId, occurrence, userId } = raised;
  return { triggerId, occurrence, previewId, userId };
}
