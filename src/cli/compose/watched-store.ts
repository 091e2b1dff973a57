// Checks for health whether the event store accepts appends: a store without room can still be read.
import type { EventStore } from '../../domain/ports/event-store.ts';
import type { ProcessReport } from '../../kernel/processes/due/process.ts';

/** Without another refusal for this long the part counts as working: while it is not ready, nobody may append. */
const FORGET_MS = 30_000;

/** The store, with a report of appends that it refuses for want of room. */
export function watchedStore(store: EventStore, report: ProcessReport): EventStore {
  let forget: NodeJS.Timeout | undefined;
  return {
    ...store,
    async append(...call) {
      const result = await store.append(...call);
      if (result.outcome === 'refused' && result.reason === 'storage_full') {
        report.waits('the event store has no room: its disk is full');
        clearTimeout(forget);
        forget = setTimeout(report.works, FORGET_MS).unref();
      } else if (result.outcome === 'appended') {
        clearTimeout(forget);
        report.works();
      }
      return result;
    },
  };
}
