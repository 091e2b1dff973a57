// Confirming a preview. The order of the checks decides which rejection a caller gets.
import { rejection } from '../core/input.ts';
import type { Instant } from '../core/instants.ts';
import { err, ok, type Result } from '../core/result.ts';
import { APPLY_LEASE_MS, continueApply, type ApplyAnswer, type Decided } from './apply.ts';
import { editChanges, type Change } from './candidates.ts';
import { refuse, type ConfirmRequest, type PreviewRejection } from './commands.ts';
import { ownPreview, type PreviewCaller } from './end.ts';
import { applyStarted, previewEnded, type Offered } from './offered.ts';
import { isOpen, openApply, type Apply, type Preview } from './state.ts';

export type ConfirmPreview = PreviewCaller & {
  /** The idempotency key, trimmed. It identifies a repeat even where the request is invalid. */
  readonly key: string | undefined;
  readonly request: Result<ConfirmRequest, PreviewRejection>;
  /** For the hash of a new apply; a former apply has its own. */
  readonly salt: string;
  /** The hash of this request under a salt. */
  readonly hashUnder: (salt: string) => string;
  readonly applyId: string;
  readonly hasPort: boolean;
};

/** Decides a confirmation. A key stands for one request and one answer: after a failure use a new key. */
export function decideConfirm(
  found: Offered | undefined,
  command: ConfirmPreview,
  { recordedAt }: { readonly recordedAt: Instant },
): Result<Decided<ApplyAnswer>, PreviewRejection> {
  const { key, request, hasPort } = command;
  const own = ownPreview(found, command);
  if (!own.ok) return own;
  const offered = own.value;
  const { preview } = offered;
  const mine = preview.applies.find(({ idempotencyKey }) => idempotencyKey === key);
  const isRepeat = mine !== undefined && isSameRequest(mine, command);
  if (preview.applies.some(({ status }) => status === 'applied')) {
    if (mine?.status !== 'applied') return refuse('already_applied', 'it was applied before');
    return isRepeat ? finished(mine) : keyConflict();
  }
  // An apply that began in time goes on after the preview's expiry.
  if (mine?.status === 'open' && isRepeat)
    return ok(continueApply(offered, mine, hasPort, recordedAt));
  if (!request.ok) return request;
  if (preview.ending === 'dismissed') return refuse('dismissed', 'it was dismissed');
  if (preview.ending === 'cancelled') return refuse('cancelled', 'its trigger was cancelled');
  if (!isOpen(preview, recordedAt)) return refuse('expired', 'its time is over');
  if (mine !== undefined && !isRepeat) return keyConflict();
  if (mine !== undefined) return finished(mine);
  if (openApply(preview) !== undefined) {
    return refuse('apply_in_progress', 'it is being applied under another key');
  }
  const changes = chosenChanges(preview, request.value);
  if (!changes.ok) return changes;
  return ok(start(command, request.value, offered, changes.value, recordedAt));
}

/** Without the salt of a forgotten user nothing can be compared: the key alone then stands for the request. */
function isSameRequest({ salt, requestHash }: Apply, { hashUnder }: ConfirmPreview): boolean {
  return salt === undefined || hashUnder(salt) === requestHash;
}

function start(
  { applyId, salt, hashUnder, hasPort }: ConfirmPreview,
  { candidateId, idempotencyKey }: ConfirmRequest,
  offered: Offered,
  changes: readonly Change[],
  recordedAt: Instant,
): Decided<ApplyAnswer> {
  const apply: Apply = {
    applyId,
    idempotencyKey,
    requestHash: hashUnder(salt),
    salt,
    candidateId: candidateId ?? offered.preview.previewId,
    changes,
    attempt: 1,
    leaseUntil: recordedAt + APPLY_LEASE_MS,
    status: 'open',
    appliedEventIds: [],
  };
  const started = applyStarted(offered, apply);
  // A mock trigger never changes real data, and without changes there is nothing to write.
  const isMock = offered.raised.mockNow !== undefined;
  if (hasPort && !isMock && changes.length > 0) {
    return { events: [started], answer: { kind: 'apply', apply, offered } };
  }
  const events = [started, previewEnded(offered, 'applied', { applyId })];
  return { events, answer: { kind: 'finished', apply: { ...apply, status: 'applied' } } };
}

function chosenChanges(
  { candidates }: Preview,
  { candidateId, editedChanges }: ConfirmRequest,
): Result<readonly Change[], PreviewRejection> {
  const candidate = candidates.find((other) => other.candidateId === candidateId);
  if (candidateId === undefined && candidates.length > 0) {
    return err(rejection('invalid_request', 'candidateId', 'is required'));
  }
  if (candidateId !== undefined && candidate === undefined) {
    return err(rejection('invalid_request', 'candidateId', 'is no candidate of this preview'));
  }
  const changes = editChanges(candidate?.changes ?? [], editedChanges);
  if (changes.ok) return changes;
  return err(rejection('invalid_edited_changes', 'editedChanges', changes.error));
}

const finished = (apply: Apply): Result<Decided<ApplyAnswer>, never> =>
  ok({ events: [], answer: { kind: 'finished', apply } });

const keyConflict = (): Result<never, PreviewRejection> =>
  refuse('idempotency_conflict', 'this idempotency key was used for another request');
