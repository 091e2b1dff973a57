// Drops a malformed event of the control stream, which otherwise stops every reader of that stream.
import { dropKey, isDroppable } from '../../domain/control/unreadable.ts';
import { controlStream } from '../../domain/core/ids.ts';
import { ok } from '../../domain/core/result.ts';
import type { ControlEvent } from '../../domain/control/events.ts';
import type { Call, KernelContext } from '../decider/decider.ts';
import { controlDecider } from './control.ts';

/**
 * Records that readers leave the event out.
 * @returns false when the event is none that the control stream's readers stop at
 * @throws TocsinError `control_unreadable` for an event of a newer version
 */
export async function dropControlEvent(
  context: KernelContext,
  id: string,
  reason: string,
  call?: Call,
): Promise<boolean> {
  const stream = controlStream(context.kernel);
  const { loaded, faults } = await controlDecider.loadWithFaults(context.store, stream);
  const found = [...faults.values()].find(({ recorded }) => recorded.id === id);
  if (found === undefined) return false;
  if (!isDroppable(found.fault)) throw found.error;
  const { revision } = found.recorded;
  const drop: ControlEvent = {
    type: 'ParkResolved',
    data: { event: id, stream, revision, action: 'drop', reason },
  };
  const decide = () => ok({ events: [drop], answer: dropKey(found.recorded) });
  await controlDecider.transactOrThrow(context, stream, decide, { ...call, loaded });
  return true;
}
