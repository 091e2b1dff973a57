// Sets the policies that trigger definitions name. A definition counts only once: when a kernel opens a log without
// a policy for its type. A type that has had a policy keeps the policy that operators have set.
import type { ControlState } from '../../domain/control/state.ts';
import type { TriggerDefinition } from '../../domain/trigger/definitions.ts';
import type { KernelContext } from '../decider/decider.ts';
import { appendControl } from './control.ts';

const REASON = 'the policy of the trigger definition';

/** Sets the policy of each definition whose type has none in the log. `found`: the control stream as it was read. */
export async function setDefinitionPolicies(
  context: KernelContext,
  definitions: Iterable<TriggerDefinition>,
  found: ControlState,
): Promise<void> {
  const wanted = [...definitions].flatMap(({ type, policy }) =>
    policy === undefined ? [] : [{ triggerType: type, policy, reason: REASON }],
  );
  const missing = (state: ControlState) =>
    wanted.filter(({ triggerType }) => !hasPolicy(state, triggerType));
  if (missing(found).length === 0) return;
  await appendControl(
    context,
    (state) => missing(state).map((data) => ({ type: 'NotificationPolicySet', data })),
    { actor: 'trigger_definition' },
  );
}

function hasPolicy({ policyChanges }: ControlState, triggerType: string): boolean {
  return policyChanges.some(
    ({ event }) => event.type === 'NotificationPolicySet' && event.data.triggerType === triggerType,
  );
}
