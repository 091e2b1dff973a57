// The process that makes attempts: every record that waits has a row with the time of its next step.
import { categoryPrefix } from '../../../domain/core/ids.ts';
import { LEASE_MARGIN_MS } from '../../../domain/delivery/decide.ts';
import { deliveryCodec } from '../../../domain/delivery/events.ts';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import type { EventStore } from '../../../domain/ports/event-store.ts';
import type { Logger } from '../../../domain/ports/logger.ts';
import type { DueIndex, DueRank } from '../due/due-index.ts';
import type { DueChange } from '../due/options.ts';
import { dueProcess } from '../due/due-process.ts';
import type { Process } from '../due/process.ts';
import { handleDue, type AttemptContext } from './handle-due.ts';

/** The name of the due index; another meaning of its rows is another name. */
export const ATTEMPTS_INDEX = 'delivery-attempts.2';

export type AttemptsOptions = AttemptContext & {
  readonly kernel: string;
  readonly store: EventStore;
  readonly index: DueIndex;
  /** Records attended to at once. */
  readonly concurrency: number;
  readonly logger?: Logger | undefined;
  readonly onCaughtUp?: (() => void) | undefined;
};

/** Makes every attempt at its time, and ends what is over. */
export function attemptsProcess(options: AttemptsOptions): Process {
  const { store, index, concurrency, surroundings, kernel, logger, onCaughtUp } = options;
  return dueProcess({
    ...surroundings,
    name: 'delivery-attempts',
    index,
    store,
    prefixes: [categoryPrefix(kernel, 'notification')],
    step: attemptRows,
    handle: (entry, signal) => handleDue(options, entry.stream, signal),
    concurrency,
    ...(logger === undefined ? {} : { logger }),
    ...(onCaughtUp === undefined ? {} : { onCaughtUp }),
  });
}

/** When a record wants to be looked at again. */
export function attemptRows(recorded: RecordedEvent): DueChange | undefined {
  const decoded = deliveryCodec.decode(recorded);
  // What cannot be read keeps its row: whoever attends to it says so.
  if (decoded.kind !== 'event') return undefined;
  const { stream } = recorded;
  const { event } = decoded;
  // Who waits for the first time goes before everybody whose channel has had its chance.
  const at = (dueAt: number, rank: DueRank = 1): DueChange => ({
    put: [{ key: stream, stream, dueAt, rank }],
  });
  switch (event.type) {
    case 'NotificationAccepted':
      return at(event.data.requestedAt, 0);
    case 'AttemptStarted':
      return at(event.data.leaseUntil + LEASE_MARGIN_MS);
    case 'AttemptFailed':
    case 'AttemptOutcomeUnknown':
      // Without a next time the event after it says what follows, or it is about an attempt long over.
      return event.data.nextAt === undefined ? undefined : at(event.data.nextAt);
    case 'DeliveryDeferred':
      return at(event.data.until);
    case 'DeliveryRedriven':
      return at(0);
    case 'AttemptSucceeded':
    case 'DeliverySkipped':
    case 'DeliveryDied':
    case 'DeliveryExpired':
    case 'DeliveryCancelled':
      return { remove: [stream] };
  }
}
