// The event store of production: EventStoreDB or KurrentDB, one node or a cluster, or our own front.
import { TocsinError } from '../../../domain/core/errors.ts';
import type { AppendResult, EventStore } from '../../../domain/ports/event-store.ts';
import { silentLogger, type Logger } from '../../../domain/ports/logger.ts';
import { encodeAppend } from '../common/append-request.ts';
import { storeClosed } from '../common/closed.ts';
import { endable } from '../common/endable.ts';
import { appender } from './appends.ts';
import { openConnection, type ConnectionOptions } from './open-connection.ts';
import { readAllThrough, readStreamThrough } from './reads.ts';
import { subscribeThrough } from './subscription.ts';

/** How long an append waits for its answer when neither the caller nor the options say. */
const DEFAULT_APPEND_MS = 10_000;

/** How long the server may be silent while a stream is read. */
const DEFAULT_SILENCE_MS = 10_000;

export type EventStoreDbOptions = ConnectionOptions & {
  readonly logger?: Logger | undefined;
  readonly deadlines?:
    | {
        /** Milliseconds until an append without a deadline of its own is `unknown`. Default 10,000. */
        readonly appendMs?: number | undefined;
        /** Milliseconds of silence after which reading a stream fails. Default 10,000. */
        readonly silenceMs?: number | undefined;
      }
    | undefined;
};

/**
 * The event store behind EventStoreDB's protocol: EventStoreDB 23.10 and newer (24.10.5 and newer of
 * that line), KurrentDB, and `tocsin store`. Nothing is dialled before the first call, and a lost
 * connection is dialled anew by the next one.
 *
 * @throws TocsinError `usage` when the connection string or a certificate cannot be read
 */
export function eventStoreDb(options: EventStoreDbOptions): EventStore {
  const { logger = silentLogger, deadlines = {} } = options;
  const { appendMs = DEFAULT_APPEND_MS, silenceMs = DEFAULT_SILENCE_MS } = deadlines;
  const { connection, requiresLeader } = openConnection(options, logger);
  const closing = new AbortController();
  let closed: Promise<void> | undefined;
  const closedError = (): Error | undefined => (closed === undefined ? undefined : storeClosed());
  const assertOpen = (): void => {
    if (closed !== undefined) throw storeClosed();
  };
  const appends = appender(() => connection.startAppends(requiresLeader));

  const readStream: EventStore['readStream'] = async function* (stream, read) {
    assertOpen();
    // A stream is read to write after it: what is not yet on this node would only be a conflict.
    const start = (request: Parameters<typeof connection.startRead>[0]) =>
      connection.startRead(request, requiresLeader);
    yield* readStreamThrough(start, Math.min(silenceMs, read.silenceMs ?? silenceMs), stream, read);
  };

  return {
    async append(stream, expected, events, { deadlineMs = appendMs } = {}): Promise<AppendResult> {
      assertOpen();
      const request = encodeAppend(stream, expected, events);
      if ('outcome' in request) return request;
      const answer = await appends.append(request, deadlineMs);
      if (answer.outcome !== 'placeless') return answer;
      const { revision } = answer;
      return placed(readStream(stream, { direction: 'forwards', from: revision, maxCount: 1 }));
    },
    readStream,
    async *readAll(read) {
      assertOpen();
      yield* readAllThrough((request) => connection.startRead(request, false), read);
    },
    subscribeAll(subscribe) {
      const start = async (request: Parameters<typeof connection.startRead>[0]) => {
        assertOpen();
        return connection.startRead(request, false);
      };
      return endable([subscribe.signal, closing.signal], (signal) =>
        subscribeThrough({ start, logger, closed: closedError }, subscribe, signal),
      );
    },
    [Symbol.asyncDispose]() {
      closed ??= connection.close();
      closing.abort();
      return closed;
    },
  };
}

/** A repeat whose place the server no longer told: the stream tells it. */
async function placed(pages: ReturnType<EventStore['readStream']>): Promise<AppendResult> {
  try {
    for await (const [event] of pages) {
      if (event === undefined) break;
      return { outcome: 'appended', revision: event.revision, position: event.position };
    }
  } catch (cause) {
    if (!(cause instanceof TocsinError)) throw cause;
    return { outcome: 'unknown', message: 'the append is there, but not where', cause };
  }
  return { outcome: 'unknown', message: 'the append was answered, but its event is not there' };
}
