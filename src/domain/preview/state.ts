// The state of a preview: its content, its applies and its ending.
import { match } from 'ts-pattern';
import type { Instant } from '../core/instants.ts';
import type { Json } from '../core/json.ts';
import type { Candidate, Change } from './candidates.ts';
import type { PreviewEvent, PreviewEventData } from './events.ts';

/** One confirmation, under its idempotency key. */
export type Apply = Pick<
  PreviewEventData<'ApplyStarted'>,
  'applyId' | 'idempotencyKey' | 'requestHash' | 'candidateId' | 'attempt' | 'leaseUntil'
> & {
  /** Of the hash; absent once the user was forgotten. */
  readonly salt?: string | undefined;
  readonly changes: readonly Change[];
  readonly status: 'open' | 'applied' | 'failed';
  /** The ids of the entries that the host wrote. */
  readonly appliedEventIds: readonly string[];
  /** Why it failed. */
  readonly code?: string;
  readonly detail?: string | undefined;
};

export type Preview = Omit<
  PreviewEventData<'PreviewOffered'>,
  'triggerId' | 'occurrence' | 'userId' | 'personal'
> & {
  readonly summary: string;
  readonly candidates: readonly Candidate[];
  readonly snapshot?: Json | undefined;
  /** In the order in which they began; at most one is open. */
  readonly applies: readonly Apply[];
  readonly ending?: PreviewEventData<'PreviewEnded'>['ending'];
};

export function offeredPreview(data: PreviewEventData<'PreviewOffered'>): Preview {
  const { triggerId: _id, occurrence: _n, userId: _user, personal, ...about } = data;
  const { summary, candidates = [], snapshot } = personal;
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
      const { changes, salt } = data.personal;
      const apply: Apply = { ...about, salt, changes, status: 'open', appliedEventIds: [] };
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
