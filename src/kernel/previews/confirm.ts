// Confirms a preview. The start of the apply is appended first, as the fence: the call that appended it
// calls the host's port and records the answer, however late the answer comes.
import { parseConfirm } from '../../domain/preview/commands.ts';
import { decideConfirm } from '../../domain/preview/confirm.ts';
import { offeredOf } from '../../domain/trigger/state.ts';
import type { ApplyPreview } from '../../domain/ports/apply-preview.ts';
import { deadlineMsOf, millisecondsUntil, type Call } from '../decider/decider.ts';
import { withDeadline } from '../decider/runtime.ts';
import { triggerDecider } from '../raise/trigger-decider.ts';
import { newSalt } from '../decider/salt.ts';
import { applyIdOf, requestHash } from '../raise/request-hash.ts';
import { runApply } from './apply.ts';
import {
  appliedResult,
  callerOf,
  failed,
  rejected,
  type ConfirmResult,
  type Track,
} from './results.ts';
import type { RaiseContext } from '../raise/prepare.ts';

/** How often a caller checks whether another call has finished the apply under the same key. */
const RECHECK_MS = 50;

export type ConfirmContext = RaiseContext & {
  readonly apply: ApplyPreview | undefined;
  readonly track: Track;
};

type Confirm = { readonly userId: unknown; readonly previewId: string; readonly input: unknown };

export async function confirmPreview(
  context: ConfirmContext,
  { userId, previewId, input }: Confirm,
  call: Call,
): Promise<ConfirmResult> {
  const caller = callerOf(context.kernel, userId, previewId);
  if (caller === undefined) return rejected({ code: 'not_found', message: 'there is none' });
  const { runtime } = context;
  const deadline = runtime.elapsed() + deadlineMsOf(call);
  const key = keyOf(input);
  const request = parseConfirm(input);
  // An invalid request repeats no other request; it may even be a value that cannot be hashed.
  const hashUnder = (salt: string): string => (request.ok ? requestHash(input, salt) : '');
  const salt = newSalt();
  const command = {
    ...caller,
    key,
    request,
    salt,
    hashUnder,
    applyId: applyIdOf(previewId, key ?? '', hashUnder(salt)),
    hasPort: context.apply !== undefined,
  };
  const remainingMs = (): number => millisecondsUntil(runtime, deadline);
  for (;;) {
    // A new command for each try: of two callers under one key, one appends and the other waits.
    const { actor, traceparent } = call;
    const startedBy = { commandId: runtime.newId(), actor, traceparent };
    const result = await triggerDecider.transact(
      context,
      caller.stream,
      (state, at) => decideConfirm(offeredOf(state, caller.occurrence), command, at),
      { ...startedBy, deadlineMs: remainingMs() },
    );
    if (result.kind !== 'done') return failed(result);
    const { answer } = result;
    if (answer.kind === 'finished') return appliedResult(answer.apply);
    if (answer.kind === 'apply') {
      const work = async (): Promise<ConfirmResult> => {
        const apply = await runApply(context, { stream: caller.stream, ...answer, startedBy });
        return apply.kind === 'done' ? appliedResult(apply.answer) : failed(apply);
      };
      // The deadline ends the wait, not the work; the next call finds what the log says.
      return withDeadline(runtime, remainingMs(), () => context.track(work), unanswered);
    }
    if (remainingMs() <= RECHECK_MS) return unanswered();
    await runtime.pause(RECHECK_MS);
  }
}

function unanswered(): ConfirmResult {
  return {
    outcome: 'unknown',
    message: 'the preview is still being applied; repeat the call to learn the outcome',
  };
}

function keyOf(input: unknown): string | undefined {
  const given =
    typeof input === 'object' && input !== null && 'idempotencyKey' in input
      ? input.idempotencyKey
      : undefined;
  return typeof given === 'string' ? given.trim() : undefined;
}
