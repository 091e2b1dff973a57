// Deliveries that wait, written as the raises and a worker before would have.
import { embeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { DEFAULT_KERNEL_NAME, parseOccurrenceId } from '../../src/domain/core/ids.ts';
import { deliveryStream } from '../../src/domain/delivery/stream.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { openKernel, type Kernel } from '../../src/kernel/open-kernel.ts';
import { accept } from '../../src/kernel/processes/delivery/intake.ts';
import { deliveryContext } from '../../src/kernel/processes/delivery/processes.ts';
import { changeDelivery } from '../../src/kernel/processes/delivery/delivery-decider.ts';
import { readRequest } from '../../src/kernel/processes/delivery/read-request.ts';
import { inputOf } from './delivery.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';

const AT_ONCE = 256;
/** A raise is three events; the last one asks for a notification. */
const REQUEST_REVISION = 2n;

export type Wanted = {
  readonly first: number;
  readonly count: number;
  /** Absent: due at once. */
  readonly until?: number;
};

/** Makes one for each of `count` users from `first` on. */
export async function makeWaiting(file: string, wanted: Wanted): Promise<void> {
  const { first, count, until } = wanted;
  await using store = await embeddedStore({ file, holder: 'npm run bench' });
  await using kernel = await openKernel({ ...scheduleProduct, store });
  let next = first;
  const lane = async (): Promise<void> => {
    while (next < first + count) {
      next += 1;
      await makeOne(store, kernel, next - 1, until);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}

async function makeOne(
  store: EventStore,
  kernel: Kernel,
  user: number,
  until: number | undefined,
): Promise<void> {
  const result = await kernel.raise(inputOf(user));
  if (result.outcome !== 'raised') throw new Error(`a request was answered: ${result.outcome}`);
  const stream = parseOccurrenceId(DEFAULT_KERNEL_NAME, result.triggerId)?.stream ?? '';
  const location = { stream, revision: String(REQUEST_REVISION) };
  const found = await readRequest(store, DEFAULT_KERNEL_NAME, location);
  if (!found.ok) throw new Error(`a request is not where it was written: ${found.error}`);
  const records = deliveryContext({ store });
  await accept({ ...records, kernel: DEFAULT_KERNEL_NAME }, found.value);
  if (until === undefined) return;
  const { notificationId } = found.value;
  const record = deliveryStream(DEFAULT_KERNEL_NAME, String(user), notificationId);
  const told = await changeDelivery(records, record, {
    kind: 'defer',
    until,
    reason: 'rate_limited',
  });
  if (!told.ok) throw new Error(`a delivery cannot wait: ${told.error.code}`);
}
