// One attempt to apply a preview: calls the host's port and appends its answer as an event.
import { z } from 'zod';
import { TocsinError } from '../../domain/core/errors.ts';
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
import { callHost } from '../decider/host-calls.ts';
import { triggerDecider } from '../raise/trigger-decider.ts';

/** The port's signal is raised so long before the lease ends. */
const STOP_BEFORE_LEASE_MS = 5_000;

/** A port that ignores its signal is not waited for any longer; the next attempt must find nobody at work. */
const GIVE_UP_BEFORE_LEASE_MS = 3_000;

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
  const outcome = await callPort(context, requestOf(work));
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
  { apply: port, runtime }: ApplyContext,
  request: ApplyRequest,
): Promise<ApplyOutcome> {
  if (port === undefined) return { outcome: 'refused', code: 'outcome_unknown' };
  const signal = AbortSignal.timeout(APPLY_LEASE_MS - STOP_BEFORE_LEASE_MS);
  const limits = { what: 'the apply port', ms: APPLY_LEASE_MS - GIVE_UP_BEFORE_LEASE_MS };
  try {
    const outcome = await callHost(runtime, limits, () => port(request, signal));
    // A port that answers something else may have written.
    if (isOutcome(outcome)) return checked(outcome);
    const detail = 'the apply port returned neither applied nor refused';
    return { outcome: 'refused', code: 'outcome_unknown', detail };
  } catch (error) {
    // A port whose signal was aborted may have written something.
    const isLate = error instanceof TocsinError && error.code === 'host_timeout';
    const code = signal.aborted || isLate ? 'outcome_unknown' : 'apply_error';
    // Messages of the host's errors may hold personal data; the log gets only the error's name.
    const detail = error instanceof Error ? cleanText(error.name, 64) : undefined;
    return { outcome: 'refused', code, ...(detail === undefined ? {} : { detail }) };
  }
}

const OutcomeSchema = z.discriminatedUnion('outcome', [
  z.object({
    outcome: z.literal('applied'),
    eventIds: z.array(z.union([z.string(), z.number()])),
  }),
  z.object({
    outcome: z.literal('refused'),
    code: z.string(),
    detail: z.string().optional(),
  }),
]);

/** A port in JavaScript may return anything. */
function isOutcome(outcome: unknown): boolean {
  return OutcomeSchema.safeParse(outcome).success;
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
