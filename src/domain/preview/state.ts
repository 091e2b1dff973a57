// The state of a preview: its content, its applies and its ending.
import { match } from 'ts-pattern';
import type { Instant } from '../core/instants.ts';
import type { Json } from '../core/json.ts';
import type { Candidate, Change } from './candidates.ts';
import type { PreviewEvent, PreviewEventData } from './events.ts';

/** One confirmation, under its idempotency key. */
export type Apply = {
  readonly applyId: string;
  readonly idempotencyKey: string;
  readonly requestHash: string;
  readonly candidateId: string;
  readonly changes: readonly Change[];
  readonly attempt: number;
  readonly leaseUntil: Instant;
  readonly status: 'open' | 'applied' | 'failed';
  /** The ids of the entries that the host wrote. */
  readonly appliedEventIds: readonly string[];
  readonly code?: string;
  readonly detail?: string | undefined;
};

export type Preview = {
  readonly previewId: string;
  readonly kind: PreviewEventData<'PreviewOffered'>['kind'];
  readonly offeredAt: Instant;
  readonly expiresAt: Instant;
  readonly summary: string;
  readonly candidates: readonly Candidate[];
  readonly candidateId?: string | undefined;
  readonly baseVersion?: string | undefined;
  readonly snapshot?: Json | undefined;
  /** In the order in which they began; at most one is open. */
  readonly applies: readonly Apply[];
  readonly ending?: PreviewEventData<'PreviewEnded'>['ending'];
};

export function offeredPreview(data: PreviewEventData<'PreviewOffered'>): Preview {
  const { previewId, kind, offeredAt, expiresAt, candidateId, baseVersion, personal } = data;
  const { summary, candidates = [], snapshot } = personal;
  const about = { previewId, kind, offeredAt, expiresAt, candidateId, baseVersion };
  return { ...about, summary, candidates, snapshot, applies: [] };
}

/** Total. The first ending counts. */
export function evolvePreview(
  preview: Preview,
  event: Exclude<PreviewEvent, { type: 'PreviewOffered' }>,
): Preview {
  return match(event)
    .with({ type: 'ApplyStarted' }, ({ data }) => {
      const { applyId, idempotencyKey, requestHash, candidateId, attempt, leaseUntil } = data;
      const about = { applyId, idempotencyKey, requestHash, candidateId, attempt, leaseUntil };
      const { changes } = data.personal;
      const apply: Apply = { ...about, changes, status: 'open', appliedEventIds: [] };
      const others = preview.applies.filter((other) => other.applyId !== applyId);
      return { ...preview, applies: [...others, apply] };
    })
    .with({ type: 'ApplySucceeded' }, ({ data: { applyId, appliedEventIds } }) =>
      update(preview, applyId, { status: 'applied', appliedEventIds }),
    )
    .with({ type: 'ApplyFailed' }, ({ data: { applyId, code, personal } }) =>
      update(preview, applyId, { status: 'failed', code, detail: personal.detail }),
    )
    .with({ type: 'PreviewEnded' }, ({ data: { ending, applyId } }) => {
      const ended = { ...preview, ending: preview.ending ?? ending };
      // An apply that had nothing to write ends with its preview.
      return applyId === undefined ? ended : update(ended, applyId, { status: 'applied' });
    })
    .exhaustive();
}

/** The apply that has no answer yet. */
export function openApply(preview: Preview): Apply | undefined {
  return preview.applies.find(({ status }) => status === 'open');
}

/** True while it may be confirmed or dismissed; `expiresAt` itself is too late. */
export function isOpen(preview: Preview, now: Instant): boolean {
  return preview.ending === undefined && now < preview.expiresAt;
}

function update(preview: Preview, applyId: string, change: Partial<Apply>): Preview {
  return {
    ...preview,
    applies: preview.applies.map((apply) =>
      apply.applyId === applyId ? { ...apply, ...change } : apply,
    ),
  };
}
