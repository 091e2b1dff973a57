// The control stream for those who fold again: which lists of messages there were, and what was retried.
import { controlCodec } from '../../../domain/control/events.ts';
import { evolveControl, initialControl, type ControlState } from '../../../domain/control/state.ts';
import { controlStream } from '../../../domain/core/ids.ts';
import type { Position } from '../../../domain/core/positions.ts';
import type { ReadableLog } from './ports.ts';
import { splitAt } from './reading.ts';

/** The control stream as the audit needs it before it folds. */
export type Control = {
  readonly state: ControlState;
  /** Every list that was ever opened, in order. */
  readonly lists: readonly NonNullable<ControlState['output']>[];
  /** Events that an operator had decided again: their first verdict is not kept. */
  readonly resolved: ReadonlySet<string>;
};

/** Reads the control stream up to `head`. */
export async function controlAt(
  log: ReadableLog,
  kernel: string,
  head: Position | undefined,
): Promise<Control> {
  let state = initialControl;
  const lists: NonNullable<ControlState['output']>[] = [];
  const resolved = new Set<string>();
  for await (const events of log.readStream(controlStream(kernel), { direction: 'forwards' })) {
    for (const recorded of splitAt(events, head)[0]) {
      const decoded = controlCodec.decode(recorded);
      if (decoded.kind !== 'event') continue;
      const { event } = decoded;
      state = evolveControl(state, event, recorded);
      if (event.type === 'OutputOpened' && state.output !== undefined) lists.push(state.output);
      if (event.type === 'ParkResolved') resolved.add(event.data.event);
    }
  }
  return { state, lists, resolved };
}

/** The list that the read model is about; before its first commit, the one in force. */
export function listOf(
  { lists, state }: Control,
  output: string | undefined,
): ControlState['output'] {
  return lists.find(({ id }) => id === output) ?? state.output;
}

/** Where the list's first message is: an adopted list goes on from the one before it. */
export function startOf({ lists }: Control, list: ControlState['output']): bigint {
  let at = lists.findIndex(({ id }) => id === list?.id);
  while (lists[at]?.mode === 'adopt_tail' && at > 0) at -= 1;
  return (lists[at]?.base ?? 0n) + 1n;
}
