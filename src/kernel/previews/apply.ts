// One attempt to apply a preview: calls the host's port and appends its answer as an event.
import {
  APPLY_LEASE_MS,
  decideApplied,
  type ApplyAnswer,
  type ApplyOutcome,
  type ApplyRequest,
} from '../../domain/preview/apply.ts';
import type { Apply } from '../../domain/preview/state.ts';
import type { ApplyPreview } from '../../domain/ports/apply-preview.ts';
import { ok } from '../../domain/core/result.ts';
import { uuidOf } from '../../domain/core/ids.ts';
import { cleanText } from '../../domain/core/text.ts';
import { MAX_APPLIED_EVENTS } from '../../domain/preview/events.ts';
import type { TriggerEvent } from '../../domain/trigger/events.ts';
import { offeredOf, type TriggerState } from '../../domain/trigger/state.ts';
import type { CommandCall, Decide, KernelContext, Transacted } from '../decider/decider.ts';
import { triggerDecider } from '../raise/trigger-decider.ts';

/** The port's signal is raised so long before the lease ends. */
const STOP_BEFORE_LEASE_MS = 5_000;

/** Long, because a change that the host has written must get into the log. */
const RECORD_DEADLINE_MS = 30_000;

export type ApplyContext = Pick<KernelContext, 'store' | 'runtime'> & {
  readonly apply: ApplyPreview | undefined;
};

/** The call that has started the apply. */
type StartedBy = Pick<
  CommandCall<unknown>,
  'actor' | 'correlationId' | 'causationId' | 'traceparent'
> & { readonly commandId: string };

export async function runApply(
  context: ApplyContext,
  work: Extract<ApplyAnswer, { kind: 'apply' }> & {
    readonly stream: string;
    readonly startedBy: StartedBy;
  },
): Promise<Transacted<Apply, never>> {
  const { apply, offered, stream, startedBy } = work;
  const outcome = await callPort(context.apply, requestOf(work));
  const { applyId } = apply;
  const { occurrence } = offered.raised;
  const decide: Decide<TriggerState, TriggerEvent, Apply, never> = (state) => {
    const decided = decideApplied(offeredOf(state, occurrence), { applyId, outcome });
    return ok({ ...decided, answer: decided.answer ?? apply });
  };
  const { commandId, correlationId = commandId, causationId = commandId } = startedBy;
  return triggerDecider.transact(context, stream, decide, {
    ...startedBy,
    correlationId,
    causationId,
    commandId: uuidOf('applied', commandId),
    deadlineMs: RECORD_DEADLINE_MS,
  });
}

async function callPort(
  port: ApplyPreview | undefined,
  request: ApplyRequest,
): Promise<ApplyOutcome> {
  if (port === undefined) return { outcome: 'refused', code: 'outcome_unknown' };
  const signal = AbortSignal.timeout(APPLY_LEASE_MS - STOP_BEFORE_LEASE_MS);
  try {
    return checked(await port(request, signal));
  } catch (error) {
    // A port whose signal was aborted may have written something.
    const code = signal.aborted ? 'outcome_unknown' : 'apply_error';
    // Messages of the host's errors may hold personal data; the log gets only the error's name.
    const detail = error instanceof Error ? cleanText(error.name, 64) : undefined;
    return { outcome: 'refused', code, ...(detail === undefined ? {} : { detail }) };
  }
}

/** Makes the host's answer fit an event. */
function checked(outcome: ApplyOutcome): ApplyOutcome {
  if (outcome.outcome === 'applied') {
    const ids = outcome.eventIds.flatMap((id) => cleanText(String(id), 128) ?? []);
    return { outcome: 'applied', eventIds: ids.slice(0, MAX_APPLIED_EVENTS) };
  }
  const { code, detail } = outcome;
  const shown = cleanText(detail, 512);
  return {
    outcome: 'refused',
    code: /^[a-z0-9_]{1,64}$/.test(code) ? code : 'apply_error',
    ...(shown === undefined ? {} : { detail: shown }),
  };
}

function requestOf(work: Extract<ApplyAnswer, { kind: 'apply' }>): ApplyRequest {
  const { apply, offered } = work;
  const { triggerId, userId, triggerType, targetType, targetId } = offered.raised;
  const { previewId, baseVersion, snapshot } = offered.preview;
  const { applyId, candidateId, changes } = apply;
  const about = { applyId, previewId, triggerId, userId, triggerType, targetType, targetId };
  return { ...about, candidateId, changes, baseVersion, snapshot };
}
