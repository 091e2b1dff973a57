// The control stream: who this log is, and what operators decided about it.
import { controlCodec, type ControlEvent } from '../../domain/control/events.ts';
import { evolveControl, initialControl, type ControlState } from '../../domain/control/state.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { controlStream } from '../../domain/core/ids.ts';
import { ok } from '../../domain/core/result.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import { execute, loadState, type Aggregate, type ExecuteContext } from '../decider/execute.ts';

/** The ruleset that a new log starts under. */
export const FIRST_RULESET = 1;

/** The control stream as an aggregate. */
export const controlAggregate: Aggregate<ControlState, ControlEvent> = {
  codec: controlCodec,
  initial: initialControl,
  evolve: evolveControl,
};

/** What the control stream says now. */
export async function readControl(
  store: Pick<EventStore, 'readStream'>,
  kernel: string,
): Promise<ControlState> {
  return loadState(store, controlAggregate, controlStream(kernel));
}

/** Who writes, and under which command. */
export type ControlWriter = ExecuteContext & {
  readonly kernel: string;
  /** A random UUID per call. */
  readonly newId: () => string;
  readonly actor?: string | undefined;
};

/**
 * Appends what `decide` makes of the control stream's state; decided anew on conflict, so that two
 * processes that start at once agree.
 *
 * @throws TocsinError `control_unwritable` when the store gives no answer or refuses
 */
export async function appendControl(
  writer: ControlWriter,
  decide: (state: ControlState) => readonly ControlEvent[],
): Promise<void> {
  const commandId = writer.newId();
  const ids = { commandId, correlationId: commandId, causationId: commandId };
  const result = await execute(writer, {
    aggregate: controlAggregate,
    stream: controlStream(writer.kernel),
    metadata: { ...ids, actor: writer.actor },
    decide: (state) => ok({ events: decide(state), answer: undefined }),
  });
  if (result.kind === 'done') return;
  throw new TocsinError('unavailable', 'control_unwritable', `control stream: ${result.kind}`, {
    hint: 'The event store gave no answer or refused; check it and try again.',
  });
}

/** Gives a new log its id and its first ruleset; leaves an old one as it is. */
export async function initialiseControl(writer: ControlWriter): Promise<ControlState> {
  const found = await readControl(writer.store, writer.kernel);
  if (found.storeId !== undefined) return found;
  await appendControl(writer, (state) =>
    state.storeId === undefined
      ? [
          { type: 'StoreInitialised', data: { storeId: writer.newId() } },
          { type: 'RulesetActivated', data: { ruleset: FIRST_RULESET } },
        ]
      : [],
  );
  return readControl(writer.store, writer.kernel);
}
