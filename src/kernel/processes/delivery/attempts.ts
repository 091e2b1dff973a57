// The process that handles deliveries when they are due, with one due row per delivery.
import { categoryPrefix } from '../../../domain/core/ids.ts';
import { effectOf } from '../../../domain/delivery/effects.ts';
import { deliveryCodec } from '../../../domain/delivery/events.ts';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import { dueProcess } from '../due/due-process.ts';
import type { DueChange, DueProcessOptions } from '../due/options.ts';
import type { Process } from '../due/process.ts';
import { handleDue, type AttemptContext } from './handle-due.ts';

/** The name of the due index. Rows with another meaning need another name. */
export const ATTEMPTS_INDEX = 'delivery-attempts.2';

export type AttemptsOptions = AttemptContext &
  Pick<DueProcessOptions, 'store' | 'index' | 'concurrency' | 'onCaughtUp'>;

export function attemptsProcess(options: AttemptsOptions): Process {
  const { store, index, concurrency, runtime, kernel, logger, telemetry, onCaughtUp } = options;
  return dueProcess({
    ...runtime,
    name: 'delivery-attempts',
    index,
    store,
    prefixes: [categoryPrefix(kernel, 'notification')],
    changeOf: attemptRows,
    handle: (entry, signal) => handleDue(options, entry.stream, signal),
    concurrency,
    logger,
    telemetry,
    onCaughtUp,
  });
}

/** The due row of a delivery after one of its events. */
export function attemptRows(recorded: RecordedEvent): DueChange | undefined {
  const decoded = deliveryCodec.decode(recorded);
  // An unreadable event keeps the row: the load of the stream reports the event.
  if (decoded.kind !== 'event') return undefined;
  const { stream } = recorded;
  const { event } = decoded;
  const { phase } = effectOf(event);
  if (phase === undefined) return undefined;
  if (!('dueAt' in phase)) return { remove: [stream] };
  // First attempts go before retries.
  const rank = event.type === 'NotificationAccepted' ? 0 : 1;
  return { put: [{ key: stream, stream, dueAt: phase.dueAt, rank }] };
}
