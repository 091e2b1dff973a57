// Control events that cannot be read. Such an event could change verdicts, so every reader of the control stream
// stops at it until an operator drops it. To drop it, an operator appends a `ParkResolved` later in the stream;
// from then on every reader skips the event. No verdict was decided between the event and its drop, so a replay
// gives the same verdicts.
import type { DecodeFault } from '../core/codec.ts';
import { TocsinError } from '../core/errors.ts';
import type { RecordedEvent } from '../core/recorded-event.ts';
import type { ControlEvent } from './events.ts';

/** Names an event of the control stream: ids alone could be there twice. */
export type DropKey = `${string}@${bigint}`;

export function dropKey({ id, revision }: Pick<RecordedEvent, 'id' | 'revision'>): DropKey {
  return `${id}@${revision}`;
}

/** The earlier event of the same stream that a control event drops. */
export function droppedBy(event: ControlEvent, at: RecordedEvent): DropKey | undefined {
  if (event.type !== 'ParkResolved' || event.data.action !== 'drop') return undefined;
  const { event: id, stream, revision } = event.data;
  return stream === at.stream && revision < at.revision ? dropKey({ id, revision }) : undefined;
}

/** False for an event of a newer version: that version may have decided by it. */
export function isDroppable({ code }: DecodeFault): boolean {
  return code !== 'newer_version' && code !== 'must_understand';
}

export function controlUnreadable(recorded: RecordedEvent, fault: DecodeFault): TocsinError {
  const { id, revision, stream, type } = recorded;
  const message = `event ${revision} of ${stream} (${type}, ${id}): ${fault.code}, ${fault.detail}`;
  const hint = isDroppable(fault)
    ? 'Look who wrote it. If it is of no worth: `tocsin park drop ' +
      `${id} --reason TEXT\` leaves it out for ever. Then limit who may write: \`tocsin store acl\`.`
    : 'A newer version may have written it: run that version or a later one.';
  return new TocsinError('refused', 'control_unreadable', message, { hint });
}
