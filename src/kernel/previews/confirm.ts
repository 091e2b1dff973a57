// Confirming: the start of an apply is appended first, as the fence; whoever appended it calls the
// host's port and records the answer, however late it comes.
import type { ApplyAnswer } from '../../domain/preview/apply.ts';
import { parseConfirm } from '../../domain/preview/commands.ts';
import { decideConfirm } from '../../domain/preview/confirm.ts';
import { offeredOf } from '../../domain/trigger/state.ts';
import type { ApplyPreview } from '../../domain/ports/apply-preview.ts';
import { DEFAULT_DEADLINE_MS, millisecondsUntil, type Call } from '../decider/decider.ts';
import { withDeadline } from '../decider/runtime.ts';
import { triggerDecider, type RaiseContext } from '../raise/raise.ts';
import { applyIdOf, requestHash } from '../raise/request-hash.ts';
import { runApply } from './apply.ts';
import { speakerOf, type Track } from './speaker.ts';
import { failed, rejected, settledResult, type ConfirmResult } from './results.ts';

/** How often a caller looks whether somebody else has finished an apply under the same key. */
const LOOK_AGAIN_MS = 50;

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
  const speaker = speakerOf(context.kernel, userId, previewId);
  if (speaker === undefined) return rejected({ code: 'not_found', message: 'there is none' });
  const { runtime } = context;
  const deadline = runtime.elapsed() + (call.deadlineMs ?? DEFAULT_DEADLINE_MS);
  const key = keyOf(input);
  const request = parseConfirm(input);
  // What is no request repeats none, and may be anything, even what no hash can be made of.
  const hash = request.ok ? requestHash(input) : '';
  const command = {
    ...speaker,
    key,
    request,
    requestHash: hash,
    applyId: applyIdOf(previewId, key ?? '', hash),
    hasPort: context.apply !== undefined,
  };
  const remainingMs = (): number => millisecondsUntil(runtime, deadline);
  for (;;) {
    // A new command for each try: of two callers under one key, one appends and the other waits.
    const { actor, traceparent } = call;
    const startedBy = { commandId: runtime.newId(), actor, traceparent };
    const result = await triggerDecider.transact(
      context,
      speaker.stream,
      (state, at) => decideConfirm(offeredOf(state, speaker.occurrence), command, at),
      { ...startedBy, deadlineMs: remainingMs() },
    );
    if (result.kind !== 'done') return failed(result);
    const { answer } = result;
    if (answer.kind === 'finished') return settledResult(answer.apply);
    if (answer.kind === 'apply') {
      const work = () => applied(context, speaker.stream, answer, startedBy);
      // The deadline ends the wait, not the work; the next call finds what the log says.
      return withDeadline(runtime, remainingMs(), () => context.track(work), unanswered);
    }
    if (remainingMs() <= LOOK_AGAIN_MS) return unanswered();
    await runtime.pause(LOOK_AGAIN_MS);
  }
}

async function applied(
  context: ConfirmContext,
  stream: string,
  answer: Extract<ApplyAnswer, { kind: 'apply' }>,
  startedBy: Parameters<typeof runApply>[1]['startedBy'],
): Promise<ConfirmResult> {
  const apply = await runApply(context, { stream, ...answer, startedBy });
  return apply.kind === 'done' ? settledResult(apply.answer) : failed(apply);
}

function unanswered(): ConfirmResult {
  return { outcome: 'unknown', message: 'it is still being applied; the same call again answers' };
}

function keyOf(input: unknown): string | undefined {
  const given =
    typeof input === 'object' && input !== null && 'idempotencyKey' in input
      ? input.idempotencyKey
      : undefined;
  return typeof given === 'string' ? given.trim() : undefined;
}
