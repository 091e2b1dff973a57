// The result of a raise, by what its caller can do next.
import { TocsinError } from '../../domain/core/errors.ts';
import { occurrenceId } from '../../domain/core/ids.ts';
import { formatPosition } from '../../domain/core/positions.ts';
import type { Issue } from '../../domain/core/input.ts';
import type { Rejection } from '../../domain/trigger/commands.ts';
import type { Raised, RaiseTrigger } from '../../domain/trigger/decide.ts';
import type { Claim } from '../../domain/idempotency/events.ts';
import { ACCESS_HINT, type Transacted } from '../decider/decider.ts';

/** The outcome of a raise. Expected outcomes are values; only misuse and outages throw. */
export type RaiseResult =
  | {
      readonly outcome: 'raised';
      readonly duplicate: false;
      readonly triggerId: string;
      /** Present when the evaluation offers a preview. */
      readonly previewId?: string;
      /** The position of its event as `commit/prepare`; pass it to a projector's `whenPast`. */
      readonly position?: string;
    }
  /** Nothing was written: this trigger is active in the scope, or belongs to the key. */
  | { readonly outcome: 'duplicate'; readonly duplicate: true; readonly triggerId: string }
  | {
      readonly outcome: 'rejected';
      readonly code: Rejection['code'] | 'invalid_argument' | 'stream_deleted';
      readonly message: string;
      readonly issues: readonly Issue[];
    }
  /** The key was used for another request. */
  | { readonly outcome: 'idempotency_conflict'; readonly message: string }
  /** Other writers kept changing the stream; try again. */
  | { readonly outcome: 'conflict'; readonly message: string }
  /** No answer before the deadline. With an idempotency key, repeating the call is safe. */
  | { readonly outcome: 'unknown'; readonly triggerId: string; readonly message: string };

export function answer(
  command: Pick<RaiseTrigger, 'stream' | 'evaluation' | 'claimed'>,
  result: Transacted<Raised | Claim, Rejection>,
): RaiseResult {
  const { stream, evaluation } = command;
  switch (result.kind) {
    case 'done': {
      const { occurrence } = result.answer;
      const triggerId = occurrenceId('ast', stream, occurrence);
      if (!('duplicate' in result.answer) || result.answer.duplicate) {
        return { outcome: 'duplicate', duplicate: true, triggerId };
      }
      const { position: at } = result;
      const position = at === undefined ? {} : { position: formatPosition(at) };
      const offers = evaluation?.outcome === 'offer';
      const preview = offers ? { previewId: occurrenceId('asp', stream, occurrence) } : {};
      return { outcome: 'raised', duplicate: false, triggerId, ...preview, ...position };
    }
    case 'rejected':
      return rejected(result.rejection);
    case 'refused':
      return refused(result);
    case 'conflict':
      return {
        outcome: 'conflict',
        message: 'other callers kept raising in the same scope; try again',
      };
    case 'unknown':
      return {
        outcome: 'unknown',
        triggerId: occurrenceId('ast', stream, command.claimed ?? 1),
        message: 'the store gave no answer before the deadline; the trigger may be in the log',
      };
  }
}

type Refused = Extract<Transacted<never, never>, { kind: 'refused' }>;

/** @throws TocsinError `unavailable` when the store's operator has to act */
export function refused({ reason, message }: Refused) {
  if (reason === 'access_denied' || reason === 'storage_full') {
    const hint =
      reason === 'storage_full'
        ? 'Nothing was written. Make room for the event store, then try again.'
        : ACCESS_HINT;
    throw new TocsinError('unavailable', reason, message, { hint });
  }
  return { outcome: 'rejected', code: reason, message, issues: [] } as const;
}

export function rejected(rejection: Rejection): RaiseResult {
  return { outcome: 'rejected', ...rejection };
}
