// What an epoch starts from: log, checkpoint and output generation, compared with each other.
import type { TocsinError } from '../../domain/core/errors.ts';
import { untilAborted } from '../../domain/core/signals.ts';
import { NO_POLICIES, policiesAt, type PoliciesInForce } from '../../domain/policy/in-force.ts';
import { rulesetOf } from '../dedupe/rulesets.ts';
import type { OutputSession } from '../output.ts';
import type { Checkpoint } from '../read-model.ts';
import type { ProjectorContext, RecoveryMode } from './context.ts';
import { assertSameLog, assertSameStore, assertWhole, type ReadFrom } from './log-checks.ts';
import {
  currentGeneration,
  isResolvable,
  openGeneration,
  type OpenOutput,
} from './output-generation.ts';
import { isOfThisLog, refusals } from './refusals.ts';
import { resume, type Resumed } from './resume.ts';

/** How an epoch may begin. */
export type StartOptions = {
  /** Used only where the projector would refuse to go on. */
  readonly recoveryMode: RecoveryMode | undefined;
  /** Why the last epoch ended, when its refusal or gap decides how this one begins. */
  readonly last: TocsinError | undefined;
  /** Called once the recovery mode has opened a generation: it is not to be used again. */
  readonly onRecovery: () => void;
};

type ResumedOutput = {
  readonly open: OpenOutput;
  readonly checkpoint: Checkpoint | undefined;
  readonly readFrom: ReadFrom;
  readonly resumed: Resumed;
};

export type EpochStart = ResumedOutput & {
  readonly storeId: string;
  /** The policies in force at the checkpoint. */
  readonly policies: PoliciesInForce;
  /** Catch up by a read: the subscription has skipped an event. */
  readonly readsFirst: boolean;
};

/** Compares log, state and output. @throws TocsinError `refused` where they do not fit together */
export async function startEpoch(
  projector: ProjectorContext,
  session: OutputSession,
  options: StartOptions,
  signal: AbortSignal,
): Promise<EpochStart> {
  const context = withAbort(projector, signal);
  const control = await context.control.read();
  for (const number of control.rulesets) rulesetOf(context.rulesets, number);
  const storeId = assertSameStore(context.state.checkpoint(), control.storeId);
  const output = await resumeOutput(context, session, options, signal);
  const { checkpoint } = output;
  const policies =
    checkpoint === undefined ? NO_POLICIES : policiesAt(control.policyChanges, checkpoint.position);
  const readsFirst = options.last?.code === 'events_skipped';
  return { ...output, storeId, policies, readsFirst };
}

/** A stop does not wait for a store that is away: the control stream is given up at the signal. */
function withAbort(context: ProjectorContext, signal: AbortSignal): ProjectorContext {
  const { read, append } = context.control;
  return {
    ...context,
    control: {
      read: () => untilAborted(read(), signal),
      append: (decide) => untilAborted(append(decide), signal),
    },
  };
}

/** Resumes the generation in force, or opens one in the operator's recovery mode. */
async function resumeOutput(
  context: ProjectorContext,
  session: OutputSession,
  { recoveryMode, last, onRecovery }: StartOptions,
  signal: AbortSignal,
): Promise<ResumedOutput> {
  const resumeAt = async (open: OpenOutput, at: ReadFrom = {}): Promise<ResumedOutput> => {
    let readFrom = at;
    let checkpoint = context.state.checkpoint();
    if (checkpoint !== undefined && checkpoint.output !== open.generation.id) {
      context.logger.warn(
        { output: open.generation.id },
        'the state file belongs to an earlier generation of messages; folding the log from its beginning',
      );
      await assertWhole(context, signal);
      context.state.reset();
      checkpoint = undefined;
      readFrom = {};
    }
    const resumed = await resume(context, session, open, checkpoint, signal);
    return { open, checkpoint, readFrom, resumed };
  };
  try {
    if (last?.kind === 'refused' && isResolvable(last)) throw last;
    const isDoubted = last?.code === 'log_changed' || last?.code === 'events_skipped';
    const readFrom = await assertSameLog(context, isDoubted, signal);
    return await resumeAt(await currentGeneration(context, session, signal), readFrom);
  } catch (error) {
    if (recoveryMode === undefined || !isResolvable(error)) throw error;
    const { code } = error;
    if (recoveryMode.kind === 'adopt_tail' && !isOfThisLog(code)) {
      throw refusals.nothingToAdopt(context.output.stream);
    }
    const fields = { code, mode: recoveryMode.kind };
    context.logger.warn(fields, 'going on in the recovery mode that the operator chose');
    const opened = await openGeneration(context, session, recoveryMode, signal);
    onRecovery();
    return resumeAt(opened);
  }
}
