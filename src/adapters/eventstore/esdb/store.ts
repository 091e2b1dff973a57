// The event store on EventStoreDB or KurrentDB, one node or a cluster, or on `tocsin store`.
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import type { AppendResult, EventStore } from '../../../domain/ports/event-store.ts';
import { hidingMetadata } from '../../../domain/ports/hidden-stream.ts';
import { silentLogger, type Logger } from '../../../domain/ports/logger.ts';
import type { StreamRemover } from '../../../domain/ports/stream-remover.ts';
import { encodeAppend } from '../common/append-request.ts';
import { storeClosed } from '../common/reading.ts';
import { endable } from '../common/subscription.ts';
import { appender } from './appends.ts';
import { loadDefinitions } from './client.ts';
import type { Connection, NodeDescription, Role } from './connection.ts';
import { readError, type Granted } from './failures.ts';
import type { Link, ReadCall } from './link.ts';
import { readAllThrough, readStreamThrough } from './reads.ts';
import { readSettings, type ConnectionOptions, type StoreSettings } from './settings.ts';
import type { ReadNode } from './subscription-start.ts';
import { subscribeThrough } from './subscription.ts';
import { upkeepThrough } from './upkeep.ts';

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
  return eventStoreDbWithSystem(options).store;
}

/** The store, and what administrators do with a server. */
export function eventStoreDbWithSystem(options: EventStoreDbOptions): {
  readonly store: EventStore;
  /** Appends of one event to streams of the server's own, such as its default ACL. */
  readonly appendSystem: EventStore['append'];
  /** Works on `tocsin store` alone. @throws TocsinError `usage` `store_keeps_streams` for another server */
  readonly remover: StreamRemover;
  /** @throws TocsinError `unavailable` */
  readonly describe: () => Promise<NodeDescription>;
} {
  const { logger = silentLogger, deadlines = {} } = options;
  const { appendMs = DEFAULT_APPEND_MS, silenceMs = DEFAULT_SILENCE_MS } = deadlines;
  const settings = readSettings(options, logger);
  let connecting: Promise<Connection> | undefined;
  let connected: Connection | undefined;
  const closing = new AbortController();
  const granted: Granted = { login: false, readAll: false };
  const closedError = (): Error | undefined => (closing.signal.aborted ? storeClosed() : undefined);
  const assertOpen = (): void => {
    if (closing.signal.aborted) throw storeClosed();
  };
  const connection = async (): Promise<Connection> => {
    assertOpen();
    connected = await (connecting ??= connect(settings, logger));
    // A call on a closed connection would open a socket that nobody closes.
    assertOpen();
    return connected;
  };
  const link = async (role: Role): Promise<Link> => (await connection()).link(role);
  const startRead = async (request: Buffer, role: Role): Promise<ReadCall> => {
    const opened = await link(role);
    return opened.startRead(request);
  };
  const readStream: EventStore['readStream'] = async function* (stream, read) {
    assertOpen();
    // A stream is read to append after it: an event that this node does not have yet would become a conflict.
    const start = (request: Buffer): Promise<ReadCall> => startRead(request, 'leader');
    yield* readStreamThrough(
      start,
      granted,
      Math.min(silenceMs, read.silenceMs ?? silenceMs),
      stream,
      read,
    );
  };

  const appends = appender({
    link: () => link('leader'),
    async read(stream, from, maxCount) {
      const events: RecordedEvent[] = [];
      const pages = readStream(stream, { direction: 'forwards', from, maxCount });
      for await (const page of pages) events.push(...page);
      return events;
    },
    async isHidden(stream) {
      return (await hidingMetadata({ readStream }, stream)).length > 0;
    },
    onDoubt: () => connected?.check(),
    closing: closing.signal,
  });

  const append =
    (isSystem: boolean): EventStore['append'] =>
    async (stream, expected, events, options = {}): Promise<AppendResult> => {
      assertOpen();
      const maxBytes = settings.maxAppendBytes;
      // The name of a stream of the server's own is put in after the checks, which refuse it.
      const request = encodeAppend(isSystem ? 'system' : stream, expected, events, maxBytes);
      if ('outcome' in request) return request;
      const { deadlineMs = appendMs, beforeRepeat } = options;
      return appends.append({ ...request, stream }, deadlineMs, beforeRepeat);
    };

  const store: EventStore = {
    append: append(false),
    readStream,
    async *readAll(read) {
      assertOpen();
      const role = read.onLeader === true ? 'leader' : 'preferred';
      yield* readAllThrough((request) => startRead(request, role), granted, read);
    },
    subscribeAll(subscribe) {
      const connect = async (): Promise<ReadNode> => {
        const node = await link('preferred');
        return {
          // Of this node even when the subscription uses another one meanwhile.
          start: (request) => node.startRead(request),
          startOnLeader: (request) => startRead(request, 'leader'),
        };
      };
      return endable([subscribe.signal, closing.signal], (signal) =>
        subscribeThrough({ connect, logger, granted, closed: closedError }, subscribe, signal),
      );
    },
    async [Symbol.asyncDispose]() {
      closing.abort();
      // A connection that could not be made has nothing to close.
      const connection = await connecting?.catch(() => undefined);
      connection?.close();
    },
  };
  const describe = async (): Promise<NodeDescription> => {
    try {
      return await (await connection()).describe();
    } catch (error) {
      throw readError(error);
    }
  };
  const remover = upkeepThrough(() => link('leader'));
  return { store, appendSystem: append(true), remover, describe };
}

async function connect(settings: StoreSettings, logger: Logger): Promise<Connection> {
  const definitions = await loadDefinitions(settings.client);
  const { Connection } = await import('./connection.ts');
  return new Connection(settings, definitions, logger);
}
