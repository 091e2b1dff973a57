// Executes commands on the stream of a trigger.
import { triggerCodec } from '../../domain/trigger/events.ts';
import { evolveTrigger, initialTrigger } from '../../domain/trigger/state.ts';
import { decider } from '../decider/decider.ts';

/** The error of an append without an answer. */
export const UNWRITABLE = {
  code: 'trigger_unwritable',
  hint: 'Check the event store and try again.',
};

export const triggerDecider = decider({
  codec: triggerCodec,
  initial: initialTrigger,
  evolve: evolveTrigger,
  unwritable: UNWRITABLE,
});
