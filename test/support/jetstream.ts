// Reads the output with the plain client and the server's API, without code of the product.
import { connect, headers, type JsMsg, type MsgHdrs, type NatsConnection } from 'nats';

/** A message as a consumer receives it. */
export type Stored = {
  readonly sequence: number;
  readonly subject: string;
  readonly id: string;
  readonly type: string;
  readonly ordinal: string;
  readonly digest: string;
  readonly body: string;
};

export type RawStream = AsyncDisposable & {
  readonly client: NatsConnection;
  /** `undefined` when there is no such stream. */
  readonly last: () => Promise<{ sequence: number; messages: number; created: string } | undefined>;
  /** How many messages there are by contract, such as `active_schedule.triggered`. */
  readonly counts: () => Promise<Readonly<Record<string, number>>>;
  readonly all: () => Promise<readonly Stored[]>;
  /** The headers of all, as `all` has the messages. */
  readonly headers: () => Promise<readonly MsgHdrs[]>;
};

/** Looks at one stream of a server. */
export async function rawStream(url: string, stream = 'TOCSIN'): Promise<RawStream> {
  // The client takes no credentials from an address.
  const { host, username: user, password: pass } = new URL(url);
  const access = user === '' ? {} : { user, pass };
  const retries = { maxReconnectAttempts: -1, reconnectTimeWait: 50 };
  const client = await connect({ servers: host, ...access, ...retries });
  const manager = await client.jetstreamManager({ checkAPI: false });

  const last: RawStream['last'] = async () => {
    try {
      const { state, created } = await manager.streams.info(stream);
      return { sequence: state.last_seq, messages: state.messages, created };
    } catch (error) {
      if (error instanceof Error && error.message.includes('stream not found')) return undefined;
      throw error;
    }
  };

  const read = async (): Promise<readonly JsMsg[]> => {
    const messages: JsMsg[] = [];
    const end = await last();
    if (end === undefined || end.messages === 0) return messages;
    const consumer = await client.jetstream().consumers.get(stream, {});
    const feed = await consumer.consume({ max_messages: 5_000 });
    for await (const message of feed) {
      messages.push(message);
      if (message.seq >= end.sequence) break;
    }
    await feed.close();
    return messages;
  };

  return {
    client,
    last,
    all: async () => (await read()).map(storedOf),
    headers: async () => (await read()).map(({ headers: found = headers() }) => found),
    async counts() {
      const { state } = await manager.streams.info(stream, { subjects_filter: '>' });
      const counts: Record<string, number> = {};
      for (const [subject, count] of Object.entries(state.subjects ?? {})) {
        const contract = subject.split('.').slice(0, -2).join('.');
        counts[contract] = (counts[contract] ?? 0) + count;
      }
      return counts;
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}

function storedOf(message: JsMsg): Stored {
  const header = (name: string): string => message.headers?.get(name) ?? '';
  return {
    sequence: message.seq,
    subject: message.subject,
    id: header('ce-id'),
    type: header('ce-type'),
    ordinal: header('Tocsin-Ordinal'),
    digest: header('Tocsin-Digest'),
    body: message.string(),
  };
}
