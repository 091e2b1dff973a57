// The event store in memory, for tests, with the semantics of the other stores and scripted faults.
import { TocsinError } from '../../../domain/core/errors.ts';
import type { EventToAppend } from '../../../domain/core/recorded-event.ts';
import type {
  AppendResult,
  EventStore,
  ExpectedRevision,
  SubscriptionEntry,
} from '../../../domain/ports/event-store.ts';
import { encodeAppend } from '../common/append-request.ts';
import { storeClosed, readAllPages, readStreamPages, type Log } from '../common/reading.ts';
import { commitSignal, subscription } from '../common/subscription.ts';
import { actualRevision } from '../common/revisions.ts';
import { faultIn, misfit, type FaultScript, type StoreOperation } from './faults.ts';
import { memoryLog } from './log.ts';

export type MemoryStoreOptions = {
  /** Called before every append, read and page of a subscription. */
  readonly faults?: FaultScript | undefined;
};

/**
 * An event store in memory, for tests. Events that it returns are frozen. Without faults it handles appends in the
 * order of the calls.
 */
export function memoryStore(options: MemoryStoreOptions = {}): EventStore {
  const log = memoryLog();
  const commits = commitSignal();
  const counts = { append: 0, readStream: 0, readAll: 0, deliver: 0, subscription: 0 };
  const count = (kind: keyof typeof counts): number => (counts[kind] += 1);
  let closed = false;

  const open: Log = {
    scan(...args) {
      if (closed) throw storeClosed();
      return log.scan(...args);
    },
    stream(...args) {
      if (closed) throw storeClosed();
      return log.stream(...args);
    },
  };

  const gateRead = async (operation: StoreOperation): Promise<void> => {
    const fault = await faultIn(options.faults, operation);
    if (fault === undefined) return;
    if (fault.fault !== 'unavailable') throw misfit(fault, operation);
    throw new TocsinError('unavailable', 'store_unavailable', 'the event store cannot be reached', {
      hint: 'A fault script says so.',
    });
  };

  const write = (
    stream: string,
    expected: ExpectedRevision,
    events: readonly EventToAppend[],
  ): AppendResult => {
    const request = encodeAppend(stream, expected, events);
    if ('outcome' in request) return request;
    const result = log.append(request);
    if (result.outcome === 'appended') commits.notify();
    return result;
  };

  return {
    async append(stream, expected, events) {
      if (closed) throw storeClosed();
      const n = count('append');
      const operation = { kind: 'append', n, stream, expected, events } as const;
      const fault = await faultIn(options.faults, operation);
      switch (fault?.fault) {
        case undefined:
          return write(stream, expected, events);
        case 'conflict':
          return { outcome: 'conflict', actual: actualRevision(log.lastRevision(stream)) };
        case 'refuse':
          return { outcome: 'refused', reason: fault.reason, message: 'a fault script says so' };
        case 'unknown':
          if (fault.written) write(stream, expected, events);
          return { outcome: 'unknown', message: 'a fault script lost the answer' };
        case 'unavailable':
        case 'drop':
          throw misfit(fault, operation);
      }
    },
    async *readStream(stream, read) {
      await gateRead({ kind: 'readStream', n: count('readStream'), stream });
      yield* readStreamPages(open, stream, read);
    },
    async *readAll(read) {
      await gateRead({ kind: 'readAll', n: count('readAll') });
      yield* readAllPages(open, read);
    },
    subscribeAll(subscribe) {
      const number = count('subscription');
      const gate = async (page: readonly SubscriptionEntry[]): Promise<'deliver' | 'drop'> => {
        const operation = {
          kind: 'deliver',
          n: count('deliver'),
          subscription: number,
          page,
        } as const;
        const fault = await faultIn(options.faults, operation);
        if (fault === undefined) return 'deliver';
        if (fault.fault !== 'drop') throw misfit(fault, operation);
        return 'drop';
      };
      return subscription({ log: open, commits, gate }, subscribe);
    },
    [Symbol.asyncDispose]() {
      closed = true;
      commits.notify();
      return Promise.resolve();
    },
  };
}
