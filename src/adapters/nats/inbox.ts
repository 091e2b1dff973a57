// The notification requests of the output stream, through a consumer that all workers share. A message is
// acknowledged when its request is recorded in the log.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Msg } from 'nats';
import { z } from 'zod';
import { TocsinError } from '../../domain/core/errors.ts';
import { isOver } from '../../domain/core/signals.ts';
import { silentLogger, type Logger } from '../../domain/ports/logger.ts';
import type {
  RequestQueue,
  Acknowledgement,
} from '../../kernel/processes/delivery/request-queue.ts';
import { OutputError } from '../../projections/output.ts';
import {
  apiErrorText,
  apiRequest,
  closeConnection,
  findStream,
  jetStreamConnector,
  type Connection,
} from './connection.ts';
import { watchAcks, type AckWatch } from './acknowledging.ts';
import { unavailable } from './failures.ts';
import type { NatsConnectionOptions } from './options.ts';
import { readMessage } from './read-message.ts';
import { planStream } from './stream.ts';
import {
  deliveryNumbers,
  heartbeatMs,
  nanosPerMs,
  pause,
  pullMessages,
  readHeaders,
} from './pull.ts';
import type { Pull } from './pull.ts';

export type JetStreamInboxOptions = NatsConnectionOptions & {
  /** Name of the JetStream stream; default `TOCSIN`. */
  readonly stream?: string | undefined;
  readonly subjectRoot?: string | undefined;
  /** Name of the durable consumer, `[A-Za-z0-9_-]{1,64}`; workers with the same one share. Default `tocsin-delivery`. */
  readonly consumer?: string | undefined;
  readonly logger?: Logger | undefined;
};

function isOutage(error: unknown): error is Error {
  if (error instanceof OutputError) return true;
  return error instanceof TocsinError && error.kind === 'unavailable';
}

type Run = Parameters<RequestQueue['run']>[0];

/** Messages per request, and so handled at once. */
const BATCH = 64;
/** The server redelivers a message without an acknowledgement after this time: its worker may be gone. */
const ackWaitMs = 30_000;
/** The server redelivers a message that cannot be handled now after this time. */
const laterMs = 2_000;
/** Unacknowledged messages of all workers together. */
export const maxAckPending = 1_024;

/** The durable consumer that workers share by default. */
export const DEFAULT_CONSUMER = 'tocsin-delivery';

/** How often the worker looks at what the consumer has passed. */
const PASSED_EVERY_MS = 10_000;

const consumerSchema = z.object({ name: z.string() });
const consumerInfoSchema = z.object({
  ack_floor: z.object({ stream_seq: z.number().int().nonnegative() }),
});

/** The request queue of a JetStream output. */
export function jetStreamInbox(options: JetStreamInboxOptions): RequestQueue {
  const { stream } = planStream(options);
  const { logger = silentLogger } = options;
  const connect = jetStreamConnector(options);
  return {
    async run(run) {
      const { signal, report } = run;
      while (!signal.aborted) {
        try {
          const connection = await connect(signal);
          try {
            await follow(connection, { ...options, stream }, run);
          } finally {
            await closeConnection(connection);
          }
        } catch (error) {
          if (isOver(signal)) return;
          if (!isOutage(error)) throw error;
          const reason = error.message;
          report?.waits(reason);
          logger.warn({ stream, reason }, 'the request queue was lost; connecting again');
        }
        await pause(signal);
      }
    },
  };
}

type Source = JetStreamInboxOptions & { readonly stream: string };

/** Hands over messages until the signal, or until the connection or the consumer fails. */
async function follow(connection: Connection, source: Source, run: Run): Promise<void> {
  const { stream, subjectRoot = '', consumer = DEFAULT_CONSUMER } = source;
  const { signal, report } = run;
  if (!(await waitForStream(connection, stream, run))) return;
  await createConsumer(connection, stream, consumer, subjectRoot);
  const acks = watchAcks(connection, source.logger ?? silentLogger);
  report?.works();
  const over = new AbortController();
  const watching = watchPassed(
    connection,
    { stream, consumer },
    run,
    AbortSignal.any([signal, over.signal]),
  );
  const inHand = new Set<Promise<void>>();
  const pull: Pull = {
    stream,
    consumer,
    inbox: `${connection.inbox}.requests`,
    batch: BATCH,
    expiresMs: 30_000,
    heartbeatMs,
    beforeRequest: () => Promise.all(inHand),
  };
  try {
    for await (const messages of pullMessages(connection, pull, signal)) {
      for (const message of messages) {
        const work: Promise<void> = handle(connection, message, run, { ...source, acks }).finally(
          () => {
            inHand.delete(work);
          },
        );
        inHand.add(work);
      }
    }
  } finally {
    over.abort();
    await Promise.all([...inHand, watching]);
  }
}

/** Tells what the consumer has passed: a limit of the stream discards messages without a word, also from its middle. */
async function watchPassed(
  connection: Connection,
  { stream, consumer }: { readonly stream: string; readonly consumer: string },
  { passed, report }: Run,
  signal: AbortSignal,
): Promise<void> {
  if (passed === undefined) return;
  while (!isOver(signal)) {
    try {
      // The consumer first: what it has passed is older than the stream's first message of afterwards.
      const path = `CONSUMER.INFO.${stream}.${consumer}`;
      const info = await apiRequest(connection, path, undefined, consumerInfoSchema);
      if (!info.ok) throw unavailable(apiErrorText(info.error));
      const found = await findStream(connection, stream);
      const acknowledged = BigInt(info.value.ack_floor.stream_seq);
      const discarded = BigInt(found?.state.first_seq ?? 1) - 1n;
      await passed(acknowledged > discarded ? acknowledged : discarded);
    } catch (error) {
      // A connection that is lost ends the reading too, which connects again.
      if (isOver(signal)) return;
      if (!isOutage(error)) throw error;
      report?.waits(error.message);
    }
    await sleep(PASSED_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** Waits until the stream exists and the check allows it. @returns false when the signal came first */
async function waitForStream(connection: Connection, stream: string, run: Run): Promise<boolean> {
  while (!isOver(run.signal)) {
    const found = await findStream(connection, stream);
    if (found && (await run.check({ stream, created: found.created })) === 'go') return true;
    const missing = `the stream ${stream} does not exist`;
    run.report?.waits(found ? `the log does not name the stream ${stream} as its output` : missing);
    await pause(run.signal);
  }
  return false;
}

/** Creates the consumer; does nothing when it exists with these settings. */
async function createConsumer(
  connection: Connection,
  stream: string,
  consumer: string,
  subjectRoot: string,
): Promise<void> {
  const config = {
    durable_name: consumer,
    description: 'Tocsin: notifications on their way to their delivery records',
    // Does not match the requests of mock triggers, whose subjects begin with mock.
    filter_subject: `${subjectRoot}notification.*.requested.>`,
    deliver_policy: 'all',
    ack_policy: 'explicit',
    ack_wait: ackWaitMs * nanosPerMs,
    max_deliver: -1,
    max_ack_pending: maxAckPending,
    replay_policy: 'instant',
  };
  const request = { stream_name: stream, config };
  const path = `CONSUMER.DURABLE.CREATE.${stream}.${consumer}`;
  const answer = await apiRequest(connection, path, request, consumerSchema);
  if (answer.ok) return;
  throw unavailable(`The consumer ${consumer} cannot be created: ${apiErrorText(answer.error)}`);
}

async function handle(
  connection: Connection,
  message: Msg,
  run: Run,
  { stream, acks, logger = silentLogger }: Source & { readonly acks: AckWatch },
): Promise<void> {
  const { client } = connection;
  const { subject, reply = '' } = message;
  const sequence = deliveryNumbers(reply)?.sequence ?? 0n;
  acks.arrived(sequence);
  let acknowledgement: Acknowledgement;
  try {
    acknowledgement = await run.handle({
      subject,
      sequence,
      headers: readHeaders(message),
      readAt: (other) => readMessage(connection, stream, other),
    });
  } catch (error) {
    acknowledgement = 'nak';
    const about = { sequence: String(sequence), err: error };
    logger.warn(about, 'handling a message failed; the server redelivers it');
  }
  // If the acknowledgement is lost, the server redelivers the message, and the worker finds its record.
  if (client.isClosed()) return;
  client.publish(reply, REPLIES[acknowledgement]);
  if (acknowledgement === 'ack') acks.acknowledged(sequence);
}

const REPLIES: Readonly<Record<Acknowledgement, string>> = {
  ack: '+ACK',
  term: '+TERM',
  nak: `-NAK {"delay": ${laterMs * nanosPerMs}}`,
};
