// What the kernel's tests share.
import type { RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import type { Fault, FaultScript, StoreOperation } from '../../src/testing.ts';
import { eventsOf } from '../support/world.ts';

/** A script over those operations that match; `n` counts them from 1. */
export function scripted(
  matches: (operation: StoreOperation) => boolean,
  fault: (n: number, operation: StoreOperation) => Fault | undefined,
): FaultScript {
  let n = 0;
  return (operation) => (matches(operation) ? fault(++n, operation) : undefined);
}

/** The events of all trigger streams, in the log's order. */
export async function triggerEvents(store: EventStore): Promise<RecordedEvent[]> {
  return (await eventsOf(store)).filter(({ stream }) => stream.startsWith('tocsin.trigger-'));
}
