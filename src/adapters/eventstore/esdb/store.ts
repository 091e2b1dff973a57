// The event store on EventStoreDB or KurrentDB, one node or a cluster, or on `tocsin store`.
import { TocsinError } from '../../../domain/core/errors.ts';
import type { AppendResult, EventStore } from '../../../domain/ports/event-store.ts';
import { silentLogger, type Logger } from '../../../domain/ports/logger.ts';
import { encodeAppend } from '../common/append-request.ts';
import { storeClosed } from '../common/reading.ts';
import { endable } from '../common/subscription.ts';
import { keepProtoPrivate } from '../wire/private-proto.ts';
import { appender } from './appends.ts';
import type { Connection, ReadCall } from './connection.ts';
import { readAllThrough, readStreamThrough } from './reads.ts';
import { readSettings, type ConnectionOptions, type StoreSettings } from './settings.ts';
import type { ReadNode } from './subscription-start.ts';
import { subscribeThrough } from './subscription.ts';

/** How long an append waits for its answer when neither the caller nor the options set a deadline. */
const DEFAULT_APPEND_MS = 10_000;

/** How long the server may be silent while a stream is read. */
const DEFAULT_SILENCE_MS = 10_000;

export type EventStoreDbOptions = ConnectionOptions & {
  readonly logger?: Logger | undefined;
  readonly deadlines?:
    | {
        /** Milliseconds until an append without a deadline of its own is `unknown`. Default 10,000. */
        readonly appendMs?: number | undefined;
        /** Milliseconds of silence after which the read of a stream fails. Default 10,000. */
        readonly silenceMs?: number | undefined;
      }
    | undefined;
};

/**
 * The event store behind EventStoreDB's protocol: EventStoreDB 23.10 and newer (24.10.5 and newer of
 * that line), KurrentDB, and `tocsin store`. The first call loads the client and connects; after a lost
 * connection the next call connects again.
 *
 * @throws TocsinError `usage` when the connection string or a certificate cannot be read
 */
export function eventStoreDb(options: EventStoreDbOptions): EventStore {
  const { logger = silentLogger, deadlines = {} } = options;
  const { appendMs = DEFAULT_APPEND_MS, silenceMs = DEFAULT_SILENCE_MS } = deadlines;
  const settings = readSettings(options, logger);
  const { requiresLeader } = settings;
  let connecting: Promise<Connection> | undefined;
  const closing = new AbortController();
  let closed: Promise<void> | undefined;
  const closedError = (): Error | undefined => (closed === undefined ? undefined : storeClosed());
  const assertOpen = (): void => {
    if (closed !== undefined) throw storeClosed();
  };
  const connection = async (): Promise<Connection> => {
    assertOpen();
    const opened = await (connecting ??= connect(settings));
    // A call on a closed connection would open a channel that nobody closes.
    assertOpen();
    return opened;
  };
  const startRead = async (request: Buffer, fromLeader: boolean): Promise<ReadCall> => {
    const opened = await connection();
    return opened.startRead(request, fromLeader);
  };
  const appends = appender(async () => {
    const opened = await connection();
    return opened.startAppends(requiresLeader);
  });

  const readStream: EventStore['readStream'] = async function* (stream, read) {
    assertOpen();
    // A stream is read to append after it: an event that this node does not have yet would become a conflict.
    const start = (request: Buffer): Promise<ReadCall> => startRead(request, requiresLeader);
    yield* readStreamThrough(start, Math.min(silenceMs, read.silenceMs ?? silenceMs), stream, read);
  };

  return {
    async append(stream, expected, events, { deadlineMs = appendMs } = {}): Promise<AppendResult> {
      assertOpen();
      const request = encodeAppend(stream, expected, events);
      if ('outcome' in request) return request;
      const answer = await appends.append(request, deadlineMs);
      if (answer.outcome !== 'position_unknown') return answer;
      const { revision } = answer;
      return located(readStream(stream, { direction: 'forwards', from: revision, maxCount: 1 }));
    },
    readStream,
    async *readAll(read) {
      assertOpen();
      const onLeader = read.onLeader === true && requiresLeader;
      yield* readAllThrough((request) => startRead(request, onLeader), read);
    },
    subscribeAll(subscribe) {
      const connect = async (): Promise<ReadNode> => {
        const opened = await connection();
        return {
          start: (request) => opened.startRead(request, false),
          startOnLeader: (request) => opened.startRead(request, requiresLeader),
        };
      };
      return endable([subscribe.signal, closing.signal], (signal) =>
        subscribeThrough({ connect, logger, closed: closedError }, subscribe, signal),
      );
    },
    [Symbol.asyncDispose]() {
      closed ??= close(connecting);
      closing.abort();
      return closed;
    },
  };
}

async function connect({ nodes, security, credentials }: StoreSettings): Promise<Connection> {
  keepProtoPrivate();
  const { Connection } = await import('./connection.ts');
  return new Connection(nodes, security, credentials);
}

async function close(connecting: Promise<Connection> | undefined): Promise<void> {
  // A connection that could not be made has nothing to close.
  const connection = await connecting?.catch(() => undefined);
  await connection?.close();
}

/** The result of a repeated append, with the position that its event has in the stream. */
async function located(pages: ReturnType<EventStore['readStream']>): Promise<AppendResult> {
  try {
    for await (const [event] of pages) {
      if (event === undefined) break;
      return { outcome: 'appended', revision: event.revision, position: event.position };
    }
  } catch (cause) {
    if (!(cause instanceof TocsinError)) throw cause;
    return { outcome: 'unknown', message: 'the append is written, its position is unknown', cause };
  }
  return { outcome: 'unknown', message: 'the append was answered, but its event is missing' };
}
