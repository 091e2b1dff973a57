// What a server does with a live reader that does not keep up.
import { status } from '@grpc/grpc-js';
import type { Reader } from './reader.ts';
import { Refusal } from './refusal.ts';

/** The events that a server holds back for one live reader. */
export const LIVE_BUFFER = 32;

/** How many are in the buffers of 23.10 before it ends the call: one for the log, and one for the reader. */
const BUFFERED = 2 * LIVE_BUFFER;

/**
 * Waits for room. @throws Refusal as 23.10, when too many events came meanwhile
 *
 * @param waiting the events that the reader has not got, at most as many as asked for
 */
export async function roomWhileLive(
  { out, commits, like }: Reader,
  waiting: (limit: number) => number,
): Promise<void> {
  if (like !== '23.10') {
    await out.ready();
    return;
  }
  const ready = out.ready().then(() => 'ready');
  for (;;) {
    const seen = commits.count();
    if (waiting(BUFFERED + 1) > BUFFERED) {
      const asked = 'Consumer too slow to handle event while live. Client resubscription required.';
      throw new Refusal(status.ABORTED, `Operation timed out: ${asked}`);
    }
    const changed = commits.changed(seen, out.signal).then(() => 'changed');
    if ((await Promise.race([ready, changed])) === 'ready' || out.signal.aborted) return;
  }
}
