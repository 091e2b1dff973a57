// The notification requests of the output stream, through a durable consumer that all workers share.
// The server keeps what is not settled, for ever; a message is settled when the log has it.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Msg } from 'nats';
import { z } from 'zod';
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
  openConnection,
  requireJetStream,
  type Connection,
} from './connection.ts';
import { jsCode, unavailable } from './failures.ts';
import type { NatsConnectionOptions } from './options.ts';
import { planStream, streamInfoSchema } from './stream.ts';
import {
  afterStatus,
  askForMessages,
  deliveryNumbers,
  listen,
  nanosPerMs,
  readHeaders,
  type Pull,
} from './pull.ts';

/** Settings of {@link jetStreamInbox}. */
export type JetStreamInboxOptions = NatsConnectionOptions & {
  /** Name of the JetStream stream; default `TOCSIN`. */
  readonly stream?: string | undefined;
  readonly subjectRoot?: string | undefined;
  /** Name of the durable consumer, `[A-Za-z0-9_-]{1,64}`; workers with the same one share. Default `tocsin-delivery`. */
  readonly consumer?: string | undefined;
  readonly logger?: Logger | undefined;
};

type Run = Parameters<RequestQueue['run']>[0];

/** Messages asked for, and so handled, at once. */
const BATCH = 64;
/** The server says that it is still there this often; after three silences it counts as gone. */
const heartbeatMs = 5_000;
const silenceMs = 3 * heartbeatMs;
const PULL: Pull = { batch: BATCH, expiresMs: 30_000, heartbeatMs };
/** Not settled within this time, a message comes again: its worker may be gone. */
const ackWaitMs = 30_000;
/** A message that cannot be handled now comes again after this. */
const laterMs = 2_000;
/** Messages on their way to all workers together. */
const maxAckPending = 1_024;
/** Whatever is not there yet is looked for this often. */
const retryMs = 1_000;

const consumerSchema = z.object({ name: z.string() });

/** The inbox of a JetStream output. */
export function jetStreamInbox(options: JetStreamInboxOptions): RequestQueue {
  const { stream } = planStream(options.stream ?? 'TOCSIN', options.subjectRoot ?? '', 1);
  const { logger = silentLogger } = options;
  return {
    async run(run) {
      const { signal } = run;
      while (!signal.aborted) {
        try {
          const connection = await openConnection(options, signal);
          try {
            await requireJetStream(connection);
            await follow(connection, { ...options, stream }, run);
          } finally {
            await closeConnection(connection);
          }
        } catch (error) {
          if (isOver(signal)) return;
          if (!(error instanceof OutputError)) throw error;
          logger.warn({ stream, reason: error.message }, 'the inbox is opened again');
        }
        await pause(signal);
      }
    },
  };
}

type Place = JetStreamInboxOptions & { readonly stream: string };

/** Hands over messages until the signal, or until something is wrong with the connection. */
async function follow(connection: Connection, place: Place, run: Run): Promise<void> {
  const { stream, subjectRoot = '', consumer = 'tocsin-delivery' } = place;
  const { signal } = run;
  if (!(await mayBegin(connection, stream, run))) return;
  await createConsumer(connection, stream, consumer, subjectRoot);
  const inbox = `${connection.inbox}.notices`;
  using inflow = listen(connection, inbox, signal);
  const inHand = new Set<Promise<void>>();
  let due = 0;
  try {
    while (!isOver(signal)) {
      if (due === 0) {
        await Promise.all(inHand);
        askForMessages(connection, { stream, consumer, inbox }, PULL);
        due = BATCH;
      }
      const message = await inflow.next(silenceMs);
      if (isOver(signal)) return;
      if (message === undefined) throw unavailable('nothing is heard of the server');
      if (message.reply === undefined || message.reply === '') {
        due = afterStatus(message, due);
        continue;
      }
      due -= 1;
      const work: Promise<void> = settle(connection, message, run, place).finally(() => {
        inHand.delete(work);
      });
      inHand.add(work);
    }
  } finally {
    await Promise.all(inHand);
  }
}

/** @returns false when the signal came first */
async function mayBegin(connection: Connection, stream: string, run: Run): Promise<boolean> {
  while (!isOver(run.signal)) {
    const path = `STREAM.INFO.${stream}`;
    const answer = await apiRequest(connection, path, undefined, streamInfoSchema);
    if (answer.ok) {
      const { created } = answer.value;
      if ((await run.check({ stream, created })) === 'go') return true;
    } else {
      const { error } = answer;
      if (error === 'no_responders' || error.err_code !== jsCode.streamNotFound) {
        throw unavailable(`The stream ${stream} cannot be read: ${apiErrorText(error)}`);
      }
    }
    await pause(run.signal);
  }
  return false;
}

/** Makes the consumer, or finds it as it is to be. */
async function createConsumer(
  connection: Connection,
  stream: string,
  consumer: string,
  subjectRoot: string,
): Promise<void> {
  const config = {
    durable_name: consumer,
    description: 'Tocsin: notifications on their way to their delivery records',
    // Mock requests are under mock., which this does not match.
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
  throw unavailable(`The consumer ${consumer} cannot be made: ${apiErrorText(answer.error)}`);
}

async function settle(
  { client }: Connection,
  message: Msg,
  run: Run,
  { logger = silentLogger }: Place,
): Promise<void> {
  const { subject, reply = '' } = message;
  const sequence = deliveryNumbers(reply)?.sequence ?? 0n;
  let settlement: Acknowledgement;
  try {
    settlement = await run.handle({ subject, sequence, headers: readHeaders(message) });
  } catch (error) {
    settlement = 'nak';
    logger.warn({ sequence: String(sequence), err: error }, 'a message has to come again');
  }
  // An answer that does not arrive brings the message back, and its record is there then.
  if (!client.isClosed()) client.publish(reply, ANSWERS[settlement]);
}

const ANSWERS: Readonly<Record<Acknowledgement, string>> = {
  ack: '+ACK',
  term: '+TERM',
  nak: `-NAK {"delay": ${laterMs * nanosPerMs}}`,
};

async function pause(signal: AbortSignal): Promise<void> {
  // The signal ends the wait; that it was raised, the caller sees.
  await sleep(retryMs, undefined, { signal }).catch(() => undefined);
}
