// The calls on previews: the user whose preview a call is about, and the results of the calls.
import { parseOccurrenceId } from '../../domain/core/ids.ts';
import { IdSchema } from '../../domain/core/identity.ts';
import type { PreviewCaller } from '../../domain/preview/end.ts';
import type { PreviewRejection } from '../../domain/preview/commands.ts';
import type { Apply } from '../../domain/preview/state.ts';
import type { Issue } from '../../domain/core/input.ts';
import type { Transacted } from '../decider/decider.ts';
import { refused } from '../raise/raise-result.ts';

/** Counts work, so that the kernel's `close` waits for it. */
export type Track = <T>(work: () => Promise<T>) => Promise<T>;

/** The stream and occurrence of a user's preview id; `undefined` for text that is no such id. */
export function callerOf(
  kernel: string,
  userId: unknown,
  previewId: string,
): (PreviewCaller & { readonly stream: string; readonly occurrence: number }) | undefined {
  const user = IdSchema.safeParse(userId);
  const found = previewId.startsWith('asp_') ? parseOccurrenceId(kernel, previewId) : undefined;
  if (!user.success || found === undefined) return undefined;
  return { userId: user.data, previewId, ...found };
}

/** Nothing was written. */
export type PreviewRejected = {
  readonly outcome: 'rejected';
  readonly code: PreviewRejection['code'] | 'invalid_argument' | 'stream_deleted' | 'too_large';
  readonly message: string;
  readonly issues: readonly Issue[];
};

type Undecided =
  /** Other writers kept changing the stream; try again. */
  | { readonly outcome: 'conflict'; readonly message: string }
  /** No answer before the deadline; repeat the call to learn the outcome. */
  | { readonly outcome: 'unknown'; readonly message: string };

/** The outcome of a confirmation. A repeat under the same key gets the same answer. */
export type ConfirmResult =
  | {
      readonly outcome: 'applied';
      readonly applyId: string;
      readonly candidateId: string;
      /** Ids of what the host wrote; may be empty. */
      readonly appliedEventIds: readonly string[];
    }
  /** The host refused or failed, and wrote nothing; with code `outcome_unknown` it may have written. */
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

export function appliedResult(apply: Apply): ConfirmResult {
  const { applyId, candidateId, appliedEventIds, code = 'outcome_unknown', detail } = apply;
  return apply.status === 'applied'
    ? { outcome: 'applied', applyId, candidateId, appliedEventIds }
    : { outcome: 'failed', applyId, candidateId, code, detail };
}

/** @throws TocsinError `unavailable` when the store's operator has to act */
export function failed(
  result: Exclude<Transacted<unknown, PreviewRejection>, { kind: 'done' }>,
): PreviewRejected | Undecided {
  if (result.kind === 'rejected') return rejected(result.rejection);
  if (result.kind === 'conflict') {
    return { outcome: 'conflict', message: 'other writers kept changing the preview; try again' };
  }
  if (result.kind === 'unknown') {
    return { outcome: 'unknown', message: 'the store gave no answer before the deadline' };
  }
  return refused(result);
}
