// Fetching what operators had decided anew: the one thing that the fold needs from elsewhere in the log.
import type { EventStore } from '../../domain/ports/event-store.ts';
import { stepOf, type Step } from './steps.ts';

/** The events that operators had decided anew, where they are still there. */
export async function retriedSteps(
  log: Pick<EventStore, 'readStream'>,
  kernel: string,
  steps: readonly Step[],
): Promise<ReadonlyMap<string, Step>> {
  const retried = new Map<string, Step>();
  for (const step of steps) {
    if (step.kind !== 'resolved' || step.data.action !== 'retry') continue;
    const { event, stream, revision } = step.data;
    const options = { direction: 'forwards', from: revision, maxCount: 1 } as const;
    for await (const [recorded] of log.readStream(stream, options)) {
      if (recorded?.id === event) retried.set(event, stepOf(kernel, recorded));
      break;
    }
  }
  return retried;
}
