// The control stream as a kernel has read it: a later call reads only the newer events. A long-lived log has
// thousands of changes of policies, and reading all of them takes longer than the change.
import { controlCodec } from '../../domain/control/events.ts';
import { evolveControl, type ControlState } from '../../domain/control/state.ts';
import { controlStream } from '../../domain/core/ids.ts';
import { comparePositions } from '../../domain/core/positions.ts';
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import type { KernelContext, Loaded } from '../decider/decider.ts';
import { controlDecider } from './control.ts';
import { historyEntry, policyHistory, type RecordedPolicyChange } from './policy-history.ts';

type Known = {
  readonly loaded: Loaded<ControlState>;
  readonly last: Pick<RecordedEvent, 'id' | 'revision'> | undefined;
  readonly history: readonly RecordedPolicyChange[];
};

/** Reads the control stream for one kernel. Calls come one after another. */
export function knownControl({ store, kernel }: Pick<KernelContext, 'store' | 'kernel'>) {
  const stream = controlStream(kernel);
  let known: Known | undefined;
  let reading: Promise<unknown> = Promise.resolve();

  const readAll = async (): Promise<Known> => {
    const loaded = await controlDecider.load(store, stream);
    const { expected, ids, position } = loaded;
    const id = [...ids].at(-1);
    const all = position === undefined ? [] : await policyHistory(store, kernel);
    return {
      loaded,
      last: expected === 'no_stream' || id === undefined ? undefined : { id, revision: expected },
      history: all.filter((each) => position && comparePositions(each.position, position) <= 0),
    };
  };
  const readOn = async (before: Known): Promise<Known> => {
    const { last } = before;
    if (last === undefined) return readAll();
    let after: Known | undefined;
    const from = { direction: 'forwards', from: last.revision } as const;
    for await (const page of store.readStream(stream, from)) {
      for (const event of page) {
        if (after !== undefined) after = withEvent(after, event);
        else if (event.id === last.id && event.revision === last.revision) after = before;
        // Another log, or an event that this version cannot read: the whole stream says what it is.
        if (after === undefined) return readAll();
      }
    }
    return after ?? readAll();
  };

  return {
    /** @throws TocsinError like `readControl` */
    read(): Promise<Known> {
      const next = reading.then(async () => {
        known = await (known === undefined ? readAll() : readOn(known));
        return known;
      });
      reading = next.catch(() => {
        known = undefined;
      });
      return next;
    },
  };
}

/** `undefined` for an event that cannot be read. */
function withEvent({ loaded, history }: Known, event: RecordedEvent): Known | undefined {
  const decoded = controlCodec.decode(event);
  if (decoded.kind === 'fault') return undefined;
  const isEvent = decoded.kind === 'event';
  const entry = historyEntry(event);
  return {
    loaded: {
      state: isEvent ? evolveControl(loaded.state, decoded.event, event) : loaded.state,
      expected: event.revision,
      recordedAt: isEvent
        ? Math.max(loaded.recordedAt, decoded.metadata.recordedAt)
        : loaded.recordedAt,
      ids: new Set(loaded.ids).add(event.id),
      position: event.position,
    },
    last: { id: event.id, revision: event.revision },
    history: entry === undefined ? history : [...history, entry],
  };
}
