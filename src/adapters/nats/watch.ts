// The output stream as it is stored, for people and tests. It reads through a JetStream consumer:
// core subscribers of the subjects would also see what the fence refused (design section 4).
import { setTimeout as sleep } from 'node:timers/promises';
import type { Msg } from 'nats';
import { z } from 'zod';
import { silentLogger, type Logger } from '../../domain/ports/logger.ts';
import { OutputError, type StoredMessage } from '../../projections/output.ts';
import {
  apiErrorText,
  apiRequest,
  closeConnection,
  openConnection,
  requireJetStream,
  type Connection,
} from './connection.ts';
import { causeText, jsCode, unavailable } from './failures.ts';
import type { NatsConnectionOptions } from './options.ts';
import {
  afterStatus,
  askForMessages,
  deliveryNumbers,
  listen,
  nanosPerMs,
  readHeaders,
  type Pull,
} from './pull.ts';
import { planStream, streamInfoSchema } from './stream.ts';

/** Settings of {@link watchOutput}. */
export type WatchOptions = NatsConnectionOptions & {
  /** Name of the JetStream stream; default `TOCSIN`. */
  readonly stream?: string | undefined;
  /** What comes from now on (default), everything that is held, or everything from this sequence on. */
  readonly from?: 'now' | 'all' | bigint | undefined;
  /** Ends the sequence without an error. */
  readonly signal?: AbortSignal | undefined;
  readonly logger?: Logger | undefined;
};

/** How many messages a consumer may send before we have to ask for more. */
const messagesPerPull = 500;
/** The server says that it is still there this often; after three silences it counts as gone. */
const heartbeatMs = 5_000;
const silenceMs = 3 * heartbeatMs;
const pull: Pull = { batch: messagesPerPull, expiresMs: 30_000, heartbeatMs };
/** The server forgets consumers that nobody asks. */
const consumerIdleMs = 5 * 60_000;
/** A stream that is not there yet, and a server that went away, are looked for this often. */
const retryMs = 1_000;

const consumerSchema = z.object({
  name: z.string().regex(/^[^\s.*>]+$/),
  num_pending: z.number().int().nonnegative(),
});

/** Where the watch stands, over all its connections. */
type Place = { next: bigint; created: string | undefined };

/**
 * Everything stored in the output stream, in order, each message once. When the connection is lost
 * it connects again for ever and goes on behind the last message; a stream that does not exist yet is
 * waited for. A stream that was deleted and made again is read from its beginning.
 *
 * @throws OutputError (`unavailable`) when the first connection fails, TocsinError when none can work
 */
export async function* watchOutput(options: WatchOptions): AsyncGenerator<StoredMessage, void> {
  const { stream } = planStream(options.stream ?? 'TOCSIN', '', 1);
  const { signal, from = 'now', logger = silentLogger } = options;
  let place: Place | undefined;
  let hasConnected = false;
  for (;;) {
    try {
      const connection = await openConnection(options, signal);
      try {
        await requireJetStream(connection);
        hasConnected = true;
        place = await locate(connection, stream, place, from, signal);
        yield* follow(connection, stream, place, signal);
      } finally {
        await closeConnection(connection);
      }
    } catch (error) {
      if (signal?.aborted === true) return;
      if (!hasConnected || !(error instanceof OutputError)) throw error;
      logger.warn({ stream, reason: error.message }, 'watching the output again');
    }
    if (!(await pause(signal))) return;
  }
}

/** Waits for the stream and says where to read on. */
async function locate(
  connection: Connection,
  stream: string,
  place: Place | undefined,
  from: 'now' | 'all' | bigint,
  signal: AbortSignal | undefined,
): Promise<Place> {
  for (let waited = false; ; waited = true) {
    signal?.throwIfAborted();
    const answer = await apiRequest(
      connection,
      `STREAM.INFO.${stream}`,
      undefined,
      streamInfoSchema,
    );
    if (answer.ok) {
      const { created, state } = answer.value;
      if (place !== undefined && place.created === created) return place;
      // A stream that we waited for, or another one than before, is new as a whole.
      if (waited || place !== undefined) return { next: 1n, created };
      const now = BigInt(state.last_seq) + 1n;
      return { next: from === 'now' ? now : from === 'all' ? 1n : from, created };
    }
    const { error } = answer;
    if (error === 'no_responders' || error.err_code !== jsCode.streamNotFound) {
      throw unavailable(`The stream ${stream} cannot be watched: ${apiErrorText(error)}`);
    }
    await pause(signal);
  }
}

/** Reads through one consumer until the signal, or until something is wrong with it. */
async function* follow(
  connection: Connection,
  stream: string,
  place: Place,
  signal: AbortSignal | undefined,
): AsyncGenerator<StoredMessage, void> {
  const { name: consumer } = await createReadingConsumer(connection, stream, place.next);
  const inbox = `${connection.inbox}.watch`;
  using inflow = listen(connection, inbox, signal);
  let [due, delivered] = [0, 0];
  for (;;) {
    if (due === 0) {
      askForMessages(connection, { stream, consumer, inbox }, pull);
      due = messagesPerPull;
    }
    const message = await inflow.next(silenceMs);
    if (signal?.aborted === true) return;
    if (message === undefined) throw unavailable('nothing is heard of the server');
    if (message.reply === undefined || message.reply === '') {
      due = afterStatus(message, due);
      continue;
    }
    const numbers = deliveryNumbers(message.reply);
    if (numbers?.delivered !== delivered + 1) throw unavailable('the consumer skipped a message');
    due -= 1;
    delivered = numbers.delivered;
    place.next = numbers.sequence + 1n;
    yield storedMessage(message, numbers.sequence);
  }
}

/** A consumer of our own that reads from a sequence on and acknowledges nothing. */
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

/** @returns false when the signal ended it */
async function pause(signal: AbortSignal | undefined): Promise<boolean> {
  try {
    await sleep(retryMs, undefined, { signal });
    return true;
  } catch (error) {
    if (signal?.aborted === true) return false;
    throw new Error(causeText(error), { cause: error });
  }
}
