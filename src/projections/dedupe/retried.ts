// Fetching what operators had decided anew: the one thing that the fold needs from elsewhere in the log.
import type { EventStore } from '../../domain/ports/event-store.ts';
import { classify, type ClassifiedEvent } from './classify.ts';

/** The events that operators had decided anew, where they are still there. */
export async function retriedSteps(
  log: Pick<EventStore, 'readStream'>,
  kernel: string,
  steps: readonly ClassifiedEvent[],
): Promise<ReadonlyMap<string, ClassifiedEvent>> {
  const retried = new Map<string, ClassifiedEvent>();
  for (const step of steps) {
    if (step.kind !== 'resolved' || step.data.action !== 'retry') continue;
    const { event, stream, revision } = step.data;
    const options = { direction: 'forwards', from: revision, maxCount: 1 } as const;
    for await (const [recorded] of log.readStream(stream, options)) {
      if (recorded?.id === event) retried.set(event, classify(kernel, recorded));
      break;
    }
  }
  return retried;
}
