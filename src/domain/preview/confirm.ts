// A yes to a preview. The checks come in the order in which a caller is told of them.
import type { Instant } from '../core/instants.ts';
import { err, ok, type Result } from '../core/result.ts';
import type { TriggerState } from '../trigger/state.ts';
import { APPLY_LEASE_MS, carryOn, type ApplyAnswer, type Decided } from './apply.ts';
import { editChanges, type Change } from './candidates.ts';
import { previewRejection, type ConfirmRequest, type PreviewRejection } from './commands.ts';
import { ownPreview, refuse, type Speaker } from './end.ts';
import { applyStarted, previewEnded, type Offered } from './facts.ts';
import { isOpen, openApply, type Apply, type Preview } from './state.ts';

export type ConfirmPreview = Speaker & {
  /** As it came, trimmed: a repeat is known by it even where the rest is wrong. */
  readonly key: string | undefined;
  readonly request: Result<ConfirmRequest, PreviewRejection>;
  readonly requestHash: string;
  readonly applyId: string;
  /** Whether the host applies anything at all. */
  readonly hasPort: boolean;
};

/**
 * Decides a yes. An idempotency key stands for one request and one answer, success or failure: after a
 * failure a new attempt takes a new key (W16).
 */
export function decideConfirm(
  state: TriggerState,
  command: ConfirmPreview,
  { recordedAt }: { readonly recordedAt: Instant },
): Result<Decided<ApplyAnswer>, PreviewRejection> {
  const { key, request, requestHash, hasPort } = command;
  const found = ownPreview(state, command);
  if (!found.ok) return found;
  const offered = found.value;
  const { preview } = offered;
  const mine = preview.applies.find(({ idempotencyKey }) => idempotencyKey === key);
  const isRepeat = mine?.requestHash === requestHash;
  if (preview.applies.some(({ status }) => status === 'applied')) {
    if (mine?.status !== 'applied') return refuse('already_applied', 'it was applied before');
    return isRepeat ? settled(mine) : keyConflict();
  }
  // It was confirmed in time: how long the answer takes does not make it late.
  if (mine?.status === 'open' && isRepeat) return ok(carryOn(offered, mine, hasPort, recordedAt));
  if (!request.ok) return request;
  if (preview.ending === 'dismissed') return refuse('dismissed', 'it was dismissed');
  if (!isOpen(preview, recordedAt)) return refuse('expired', 'its time is over');
  if (mine !== undefined && !isRepeat) return keyConflict();
  if (mine !== undefined) return settled(mine);
  if (openApply(preview) !== undefined) {
    return refuse('apply_in_progress', 'it is being applied under another key');
  }
  const changes = chosenChanges(preview, request.value);
  if (!changes.ok) return changes;
  return ok(start(command, request.value, offered, changes.value, recordedAt));
}

function start(
  { applyId, requestHash, hasPort }: ConfirmPreview,
  { candidateId, idempotencyKey }: ConfirmRequest,
  offered: Offered,
  changes: readonly Change[],
  recordedAt: Instant,
): Decided<ApplyAnswer> {
  const apply: Apply = {
    applyId,
    idempotencyKey,
    requestHash,
    candidateId: candidateId ?? offered.preview.previewId,
    changes,
    attempt: 1,
    leaseUntil: recordedAt + APPLY_LEASE_MS,
    status: 'open',
    appliedEventIds: [],
  };
  const started = applyStarted(offered, apply);
  // Pretend time never writes into a real timetable, and without changes there is nothing to write.
  const isMock = offered.raised.mockNow !== undefined;
  if (hasPort && !isMock && changes.length > 0) {
    return { events: [started], answer: { kind: 'apply', apply, offered } };
  }
  const events = [started, previewEnded(offered, 'applied', { applyId })];
  return { events, answer: { kind: 'settled', apply: { ...apply, status: 'applied' } } };
}

function chosenChanges(
  { candidates }: Preview,
  { candidateId, editedChanges }: ConfirmRequest,
): Result<readonly Change[], PreviewRejection> {
  const candidate = candidates.find((one) => one.candidateId === candidateId);
  if (candidateId === undefined && candidates.length > 0) {
    return wrong('invalid_request', 'candidateId', 'is required');
  }
  if (candidateId !== undefined && candidate === undefined) {
    return wrong('invalid_request', 'candidateId', 'is not one of this preview');
  }
  const changes = editChanges(candidate?.changes ?? [], editedChanges);
  return changes.ok ? changes : wrong('invalid_edited_changes', 'editedChanges', changes.error);
}

function wrong(
  code: PreviewRejection['code'],
  field: string,
  message: string,
): Result<never, PreviewRejection> {
  return err(previewRejection(code, `${field} ${message}`, [{ field, message }]));
}

const settled = (apply: Apply): Result<Decided<ApplyAnswer>, never> =>
  ok({ events: [], answer: { kind: 'settled', apply } });

const keyConflict = (): Result<never, PreviewRejection> =>
  refuse('idempotency_conflict', 'this idempotency key was used for another request');
