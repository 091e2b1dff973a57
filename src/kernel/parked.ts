// Parked events: list them, show the raw event, and record what an operator decides about them.
import type { ControlEvent } from '../domain/control/events.ts';
import { DEFAULT_KERNEL_NAME } from '../domain/core/ids.ts';
import { formatPosition } from '../domain/core/positions.ts';
import type { RecordedEvent } from '../domain/core/recorded-event.ts';
import type { Clock } from '../domain/ports/runtime.ts';
import type { EventStore } from '../domain/ports/event-store.ts';
import type { ParkedRow, ReadModelReader } from '../projections/read-model.ts';
import { appendControl } from './control/control.ts';
import { systemRuntime } from './decider/runtime.ts';

/** A parked event in a list. */
export type ParkedView = Omit<ParkedRow, 'position' | 'revision'> & {
  readonly position: string;
  readonly revision: string;
};

/** A parked event with what its stream holds; `raw` is null when the stream does not show it. */
export type ParkedEvent = ParkedView & {
  readonly raw: Pick<RecordedEvent, 'data' | 'metadata'> | null;
};

/** Every method throws `unavailable` without a read model. */
export interface Parked {
  /** In the order of the log. */
  list(): readonly ParkedView[];
  get(event: string): Promise<ParkedEvent | undefined>;
  /**
   * Records the decision; the projector applies it when it reads that position.
   *
   * @param change.action `retry` decides the event again at the end of the log, `drop` removes it for ever
   */
  resolve(
    change: { readonly event: string; readonly action: 'retry' | 'drop'; readonly reason: string },
    call: { readonly actor: string },
  ): Promise<{ readonly outcome: 'resolved' | 'not_found' }>;
}

/** Parked events over a log and a read model. @param options.state reads the read model; its caller closes it */
export function createParked({
  store,
  state,
  clock,
  name: kernel = DEFAULT_KERNEL_NAME,
}: {
  readonly store: EventStore;
  readonly state: () => Pick<ReadModelReader, 'parked'>;
  readonly clock?: Clock;
  readonly name?: string;
}): Parked {
  const find = (event: string): ParkedRow | undefined =>
    state()
      .parked()
      .find((row) => row.event === event);
  return {
    list: () => state().parked().map(viewOf),
    async get(event) {
      const row = find(event);
      return row === undefined ? undefined : { ...viewOf(row), raw: await rawOf(store, row) };
    },
    async resolve({ event, action, reason }, { actor }) {
      const row = find(event);
      if (row === undefined) return { outcome: 'not_found' };
      const { stream, revision } = row;
      const decision: ControlEvent = {
        type: 'ParkResolved',
        data: { event, stream, revision, action, reason },
      };
      const context = { store, kernel, runtime: systemRuntime(clock) };
      await appendControl(context, () => [decision], { actor });
      return { outcome: 'resolved' };
    },
  };
}

function viewOf({ position, revision, ...row }: ParkedRow): ParkedView {
  return { ...row, position: formatPosition(position), revision: String(revision) };
}

async function rawOf(
  store: Pick<EventStore, 'readStream'>,
  { stream, revision, event }: ParkedRow,
): Promise<ParkedEvent['raw']> {
  const page = { direction: 'forwards', from: revision, maxCount: 1 } as const;
  for await (const [recorded] of store.readStream(stream, page)) {
    if (recorded?.id === event) return { data: recorded.data, metadata: recorded.metadata };
  }
  return null;
}
