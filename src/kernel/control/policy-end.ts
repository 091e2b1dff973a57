// The end of the control stream, as far as a change of one policy needs it: a long-lived log has thousands of changes, and
// only the last one about a type decides.
import { controlCodec, type ControlEvent } from '../../domain/control/events.ts';
import type { PolicyCommand } from '../../domain/control/policies.ts';
import { evolveControl, initialControl, type ControlState } from '../../domain/control/state.ts';
import { controlStream } from '../../domain/core/ids.ts';
import type { EventMetadata } from '../../domain/core/envelope.ts';
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import type { KernelContext, Loaded } from '../decider/decider.ts';

/** Events that are read first, and then; further back the whole stream is read. */
const LOOKS = [64, 1_000] as const;

type Found = {
  readonly recorded: RecordedEvent;
  readonly event: ControlEvent | undefined;
  readonly metadata: EventMetadata | undefined;
};

/**
 * The stream from the event on that decides the change; its state knows later events only. `undefined` where the whole stream
 * decides: the type has no such event near the end, or an event cannot be read.
 */
export async function endForChange(
  context: Pick<KernelContext, 'store' | 'kernel'>,
  command: PolicyCommand,
): Promise<Loaded<ControlState> | undefined> {
  for (const maxCount of LOOKS) {
    const end = await lookBack(context, command, maxCount);
    if (end !== 'further') return end;
  }
  return undefined;
}

async function lookBack(
  { store, kernel }: Pick<KernelContext, 'store' | 'kernel'>,
  command: PolicyCommand,
  maxCount: number,
): Promise<Loaded<ControlState> | undefined | 'further'> {
  const found: Found[] = [];
  const read = { direction: 'backwards', maxCount } as const;
  for await (const page of store.readStream(controlStream(kernel), read)) {
    for (const recorded of page) {
      const decoded = controlCodec.decode(recorded);
      if (decoded.kind === 'fault') return undefined;
      const { event, metadata } = decoded.kind === 'event' ? decoded : {};
      found.push({ recorded, event, metadata });
      if (event !== undefined && decides(event, command)) return loadedFrom(found.toReversed());
    }
  }
  return found.length < maxCount ? undefined : 'further';
}

function decides(event: ControlEvent, { kind, triggerType }: PolicyCommand): boolean {
  switch (event.type) {
    case 'NotificationPolicySet':
      return kind === 'set' && event.data.triggerType === triggerType;
    case 'NotificationsMuted':
    case 'NotificationsUnmuted':
      return kind !== 'set' && event.data.triggerType === triggerType;
    default:
      return false;
  }
}

function loadedFrom(found: readonly Found[]): Loaded<ControlState> {
  const last = found.at(-1)?.recorded;
  return {
    state: found.reduce(
      (state, { event, recorded }) =>
        event === undefined ? state : evolveControl(state, event, recorded),
      initialControl,
    ),
    expected: last === undefined ? 'no_stream' : last.revision,
    recordedAt: Math.max(0, ...found.map(({ metadata }) => metadata?.recordedAt ?? 0)),
    ids: new Set(found.map(({ recorded }) => recorded.id)),
    position: last?.position,
  };
}
