// Appends the events of a raise to the trigger's stream: the last step with and without an idempotency key.
import type { Rejection } from '../../domain/trigger/commands.ts';
import { decideRaise, type Raised, type RaiseTrigger } from '../../domain/trigger/decide.ts';
import type { TriggerEvent } from '../../domain/trigger/events.ts';
import type { TriggerState } from '../../domain/trigger/state.ts';
import type { Call, Decide } from '../decider/decider.ts';
import type { RaiseContext } from './prepare.ts';
import { answer, type RaiseResult } from './raise-result.ts';
import { triggerDecider } from './trigger-decider.ts';
import { warnOfLinks } from './warn-of-links.ts';

export async function appendRaise(
  context: RaiseContext,
  command: RaiseTrigger,
  commandId: string,
  assumeNew: boolean,
  call: Call,
): Promise<RaiseResult> {
  const decide: Decide<TriggerState, TriggerEvent, Raised, Rejection> = (state, at) =>
    decideRaise(state, command, at);
  const options = { ...call, commandId, assumeNew };
  const result = answer(
    command,
    await triggerDecider.transact(context, command.stream, decide, options),
  );
  const { linksRemoved } = command.outcome.summary;
  if (result.outcome === 'raised' && linksRemoved > 0) {
    const { triggerType } = command.request;
    warnOfLinks(context.logger, { triggerId: result.triggerId, triggerType, linksRemoved });
  }
  return result;
}
