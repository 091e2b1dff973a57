// The control stream: the log's id, and what operators and projectors decided about the log.
import { controlCodec, type ControlEvent } from '../../domain/control/events.ts';
import { evolveControl, initialControl, type ControlState } from '../../domain/control/state.ts';
import { controlUnreadable, droppedBy } from '../../domain/control/unreadable.ts';
import { controlStream } from '../../domain/core/ids.ts';
import { ok } from '../../domain/core/result.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import { assertNotHidden } from '../../domain/ports/hidden-stream.ts';
import { decider, type Call, type KernelContext } from '../decider/decider.ts';

/** The ruleset that a new log starts under. */
export const FIRST_RULESET = 1;

export const controlDecider = decider({
  codec: controlCodec,
  initial: initialControl,
  evolve: evolveControl,
  unwritable: {
    code: 'control_unwritable',
    hint: 'Check the event store, see `tocsin policy history`, and try again.',
  },
  drops: { droppedBy, error: controlUnreadable },
});

export async function readControl(
  store: Pick<EventStore, 'readStream'>,
  kernel: string,
): Promise<ControlState> {
  return (await controlDecider.load(store, controlStream(kernel))).state;
}

/** Appends what `decide` makes of the control stream's state; throws when the store gives no answer or refuses. */
export async function appendControl(
  context: KernelContext,
  decide: (state: ControlState) => readonly ControlEvent[],
  call?: Call,
): Promise<void> {
  const events = (state: ControlState) => ok({ events: decide(state), answer: undefined });
  await controlDecider.transactOrThrow(context, controlStream(context.kernel), events, call);
}

/** Gives a new log its id and its first ruleset; leaves an old log as it is. */
export async function initialiseControl(
  context: KernelContext,
  call?: Call,
): Promise<ControlState> {
  const { store, kernel, runtime } = context;
  const found = await readControl(store, kernel);
  if (found.storeId !== undefined) return found;
  // A stream that reads as empty may be hidden: a second id would make another log of it.
  await assertNotHidden(store, controlStream(kernel));
  const first = (state: ControlState): readonly ControlEvent[] =>
    state.storeId === undefined
      ? [
          { type: 'StoreInitialised', data: { storeId: runtime.newId() } },
          { type: 'RulesetActivated', data: { ruleset: FIRST_RULESET } },
        ]
      : [];
  await appendControl(context, first, call);
  return readControl(store, kernel);
}
