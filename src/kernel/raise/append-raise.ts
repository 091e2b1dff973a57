// Appends the events of a raise to the trigger's stream: the last step with and without an idempotency key.
import type { Rejection } from '../../domain/trigger/commands.ts';
import { decideRaise, type Raised, type RaiseTrigger } from '../../domain/trigger/decide.ts';
import type { TriggerEvent } from '../../domain/trigger/events.ts';
import type { TriggerState } from '../../domain/trigger/state.ts';
import type { CommandCall, Decide } from '../decider/decider.ts';
import type { RaiseContext } from './prepare.ts';
import { answer, type RaiseResult } from './raise-result.ts';
import { triggerDecider } from './trigger-decider.ts';
import { warnOfLinks } from './warn-of-links.ts';

export async function appendRaise(
  context: RaiseContext,
  command: RaiseTrigger,
  call: CommandCall<TriggerState>,
): Promise<RaiseResult> {
  const decide: Decide<TriggerState, TriggerEvent, Raised, Rejection> = (state, at) =>
    decideRaise(state, command, at);
  const result = answer(
    command,
    await triggerDecider.transact(context, command.stream, decide, call),
  );
  const { linksRemoved } = command.outcome.summary;
  if (result.outcome === 'raised' && linksRemoved > 0) {
    const { triggerType } = command.request;
    warnOfLinks(context.logger, { triggerId: result.triggerId, triggerType, linksRemoved });
  }
  return result;
}
