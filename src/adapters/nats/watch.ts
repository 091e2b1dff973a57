// Follows the output stream through a consumer. Core subscribers would also see messages that the fence refused.
import type { Msg } from 'nats';
import { z } from 'zod';
import { silentLogger } from '../../domain/ports/logger.ts';
import { OutputError, type StoredMessage } from '../../projections/output.ts';
import {
  apiErrorText,
  apiRequest,
  closeConnection,
  findStream,
  openJetStream,
  type Connection,
} from './connection.ts';
import { unavailable } from './failures.ts';
import type { JetStreamOutputOptions } from './output.ts';
import {
  deliveryNumbers,
  heartbeatMs,
  nanosPerMs,
  pause,
  pullMessages,
  readHeaders,
} from './pull.ts';
import type { Pull } from './pull.ts';
import { planStream } from './stream.ts';

export type WatchOptions = Omit<JetStreamOutputOptions, 'subjectRoot' | 'subjects' | 'replicas'> & {
  /** `now`, the default: new messages only; `all`: every stored message; or from this sequence on. */
  readonly from?: 'now' | 'all' | bigint | undefined;
  /** Ends the sequence without an error. */
  readonly signal?: AbortSignal | undefined;
};

/** The server deletes a consumer that has no requests for this long. */
const consumerIdleMs = 5 * 60_000;

const consumerSchema = z.object({
  name: z.string().regex(/^[^\s.*>]+$/),
  num_pending: z.number().int().nonnegative(),
});

/** The next sequence to read, and the creation time of its stream; kept over all connections. */
type Cursor = { next: bigint; created: string | undefined };

/**
 * The stored messages of the output stream in order, each once. After a lost connection it connects again and resumes.
 * It waits for a stream that does not exist yet, and reads a recreated stream from its beginning.
 *
 * @throws OutputError (`unavailable`) when the first connection fails, TocsinError when trying again cannot help
 */
export async function* watchOutput(options: WatchOptions): AsyncGenerator<StoredMessage, void> {
  const { stream } = planStream({ stream: options.stream });
  const { signal, from = 'now', logger = silentLogger } = options;
  let cursor: Cursor | undefined;
  let hasConnected = false;
  for (;;) {
    try {
      const connection = await openJetStream(options, signal);
      try {
        hasConnected = true;
        cursor = await locate(connection, stream, cursor, from, signal);
        yield* follow(connection, stream, cursor, signal);
      } finally {
        await closeConnection(connection);
      }
    } catch (error) {
      if (signal?.aborted === true) return;
      if (!hasConnected || !(error instanceof OutputError)) throw error;
      logger.warn({ stream, reason: error.message }, 'the output was lost; connecting again');
    }
    await pause(signal);
    if (signal?.aborted === true) return;
  }
}

/** Waits for the stream and finds the sequence to resume at. */
async function locate(
  connection: Connection,
  stream: string,
  cursor: Cursor | undefined,
  from: 'now' | 'all' | bigint,
  signal: AbortSignal | undefined,
): Promise<Cursor> {
  for (let waited = false; ; waited = true) {
    signal?.throwIfAborted();
    const found = await findStream(connection, stream);
    if (found !== undefined) {
      const { created, state } = found;
      if (cursor !== undefined && cursor.created === created) return cursor;
      // A stream that was created meanwhile is read from its beginning.
      if (waited || cursor !== undefined) return { next: 1n, created };
      const now = BigInt(state.last_seq) + 1n;
      return { next: from === 'now' ? now : from === 'all' ? 1n : from, created };
    }
    await pause(signal);
  }
}

/** Reads through one consumer until the signal, or until the connection or the consumer fails. */
async function* follow(
  connection: Connection,
  stream: string,
  cursor: Cursor,
  signal: AbortSignal | undefined,
): AsyncGenerator<StoredMessage, void> {
  const { name: consumer } = await createReadingConsumer(connection, stream, cursor.next);
  const inbox = `${connection.inbox}.watch`;
  const pull: Pull = { stream, consumer, inbox, batch: 500, expiresMs: 30_000, heartbeatMs };
  let delivered = 0;
  for await (const messages of pullMessages(connection, pull, signal)) {
    for (const message of messages) {
      const numbers = deliveryNumbers(message.reply ?? '');
      if (numbers?.delivered !== delivered + 1) throw unavailable('the consumer skipped a message');
      delivered = numbers.delivered;
      cursor.next = numbers.sequence + 1n;
      yield storedMessage(message, numbers.sequence);
      if (signal?.aborted === true) return;
    }
  }
}

/** Creates a consumer of this reader alone, from a sequence on, without acknowledgements. */
export async function createReadingConsumer(
  connection: Connection,
  stream: string,
  start: bigint,
  idleMs = consumerIdleMs,
): Promise<z.infer<typeof consumerSchema>> {
  const config = {
    deliver_policy: 'by_start_sequence',
    opt_start_seq: Number(start < 1n ? 1n : start),
    ack_policy: 'none',
    replay_policy: 'instant',
    inactive_threshold: idleMs * nanosPerMs,
    mem_storage: true,
    num_replicas: 1,
  };
  const request = { stream_name: stream, config };
  const answer = await apiRequest(connection, `CONSUMER.CREATE.${stream}`, request, consumerSchema);
  if (answer.ok) return answer.value;
  throw unavailable(`The stream ${stream} cannot be watched: ${apiErrorText(answer.error)}`);
}

function storedMessage(message: Msg, sequence: bigint): StoredMessage {
  return { sequence, subject: message.subject, headers: readHeaders(message), data: message.data };
}
