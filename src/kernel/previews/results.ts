// What callers of previews are told. Expected outcomes are values; only misuse and outages throw.
import { TocsinError } from '../../domain/core/errors.ts';
import type { PreviewRejection } from '../../domain/preview/commands.ts';
import type { Apply } from '../../domain/preview/state.ts';
import type { Issue } from '../../domain/core/input.ts';
import type { Transacted } from '../decider/decider.ts';

/** Nothing was written. */
export type PreviewRejected = {
  readonly outcome: 'rejected';
  readonly code: PreviewRejection['code'] | 'invalid_argument' | 'stream_deleted' | 'too_large';
  readonly message: string;
  readonly issues: readonly Issue[];
};

type Undecided =
  /** Others kept changing the stream; try again. */
  | { readonly outcome: 'conflict'; readonly message: string }
  /** No answer before the deadline; the same call again says what became of it. */
  | { readonly outcome: 'unknown'; readonly message: string };

/** What became of a yes. A repeat under its key gets the same answer. */
export type ConfirmResult =
  | {
      readonly outcome: 'applied';
      readonly applyId: string;
      readonly candidateId: string;
      /** What the host wrote; empty when there was nothing to write. */
      readonly appliedEventIds: readonly string[];
    }
  /** The host refused, or could not: nothing was written. `outcome_unknown`: nobody knows. */
  | {
      readonly outcome: 'failed';
      readonly applyId: string;
      readonly candidateId: string;
      readonly code: string;
      readonly detail?: string | undefined;
    }
  | PreviewRejected
  | Undecided;

export type DismissResult = { readonly outcome: 'dismissed' } | PreviewRejected | Undecided;

export function rejected(
  rejection: Pick<PreviewRejection, 'code' | 'message'> & Partial<PreviewRejection>,
): PreviewRejected {
  return { outcome: 'rejected', issues: [], ...rejection };
}

/** The answer about an apply that is over. */
export function settledResult(apply: Apply): ConfirmResult {
  const { applyId, candidateId, appliedEventIds, code = 'outcome_unknown', detail } = apply;
  return apply.status === 'applied'
    ? { outcome: 'applied', applyId, candidateId, appliedEventIds }
    : { outcome: 'failed', applyId, candidateId, code, detail };
}

/** @throws TocsinError `unavailable` for what the caller's operator has to mend */
export function failed(
  result: Exclude<Transacted<unknown, PreviewRejection>, { kind: 'done' }>,
): PreviewRejected | Undecided {
  if (result.kind === 'rejected') return rejected(result.rejection);
  if (result.kind === 'conflict') {
    return { outcome: 'conflict', message: 'others kept changing the preview; try again' };
  }
  if (result.kind === 'unknown') {
    return { outcome: 'unknown', message: 'the store gave no answer before the deadline' };
  }
  const { reason, message } = result;
  if (reason === 'access_denied' || reason === 'storage_full') {
    throw new TocsinError('unavailable', reason, message, {
      hint: 'Nothing was written. Give the event store room and this user the right to append.',
    });
  }
  return { outcome: 'rejected', code: reason, message, issues: [] };
}
