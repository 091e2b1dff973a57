// The output stream for those who only compare: batches through one consumer, and no way to publish.
import { z } from 'zod';
import type { OutputInfo, StoredMessage } from '../../projections/output.ts';
import type { MessageReader } from '../../projections/audit/reading/ports.ts';
import {
  apiErrorText,
  apiRequest,
  closeConnection,
  openConnection,
  requireJetStream,
  type Connection,
} from './connection.ts';
import { jsCode, unavailable } from './failures.ts';
import { Inflow } from './inflow.ts';
import type { JetStreamOutputOptions } from './output.ts';
import { describeStream, planStream, streamInfoSchema, type StreamPlan } from './stream.ts';
import { askForMessages, deliveryNumbers, type Pull } from './pull.ts';
import { storedMessage } from './stored-message.ts';
import { createReadingConsumer } from './watch.ts';

/** Messages handed on at a time, and how many are asked for ahead: what a slow reader holds. */
const messagesPerBatch = 128;
const messagesAhead = 512;
const pull: Pull = { batch: messagesAhead, expiresMs: 30_000 };
const silenceMs = 15_000;
/** How long a reader may be busy with what a log has between two messages. */
const consumerIdleMs = 60 * 60_000;

/**
 * Reads the output stream from its first message to its last, as it is stored.
 *
 * @throws OutputError (`unavailable`) when the server cannot be reached, TocsinError when it never can serve
 */
export async function jetStreamReader(
  options: Omit<JetStreamOutputOptions, 'replicas' | 'stallAfterMs'>,
): Promise<MessageReader & AsyncDisposable> {
  const plan = planStream(
    options.stream ?? 'TOCSIN',
    options.subjectRoot ?? '',
    1,
    options.subjects,
  );
  const connection = await openConnection(options);
  try {
    await requireJetStream(connection);
  } catch (error) {
    await closeConnection(connection);
    throw error;
  }
  return {
    info: () => streamInfo(connection, plan),
    messages: (from, to) => batches(connection, plan.stream, from, to),
    [Symbol.asyncDispose]: () => closeConnection(connection),
  };
}

async function streamInfo(
  connection: Connection,
  plan: StreamPlan,
): Promise<OutputInfo | undefined> {
  const path = `STREAM.INFO.${plan.stream}`;
  const answer = await apiRequest(connection, path, undefined, streamInfoSchema);
  if (answer.ok) return describeStream(plan, answer.value, connection.client.info?.version ?? '');
  const { error } = answer;
  if (error !== 'no_responders' && error.err_code === jsCode.streamNotFound) return undefined;
  throw unavailable(`The stream ${plan.stream}: ${apiErrorText(error)}`);
}

async function* batches(
  connection: Connection,
  stream: string,
  from: bigint,
  to: bigint,
): AsyncGenerator<readonly StoredMessage[], void, undefined> {
  if (from > to) return;
  const { client } = connection;
  const { name: consumer, num_pending: held } = await createReadingConsumer(
    connection,
    stream,
    from,
    consumerIdleMs,
  );
  // What was deleted is not waited for.
  if (held === 0) return;
  // An inbox of its own: two may read at a time, and what a read that was left had asked for still comes.
  const inbox = `${connection.inbox}.${consumer}`;
  using inflow = new Inflow<readonly StoredMessage[]>(undefined);
  let [batch, delivered, failure]: [StoredMessage[], number, string] = [[], 0, ''];
  let isRead = false;
  const end = (why: string): void => {
    if (!isRead && failure === '') failure = why;
    inflow.end();
  };
  const closed = (): void => {
    end('the connection closed');
  };
  client.closed().then(closed, closed);
  const subscription = client.subscribe(inbox, {
    callback: (error, message) => {
      // A pull that asked for more than there was ends with a status, long after the last message.
      if (isRead) return;
      const numbers = error === null ? deliveryNumbers(message.reply ?? '') : undefined;
      if (numbers?.delivered !== delivered + 1) {
        end(error?.message ?? message.headers?.status ?? 'a message was skipped');
        return;
      }
      delivered += 1;
      const { sequence, pending } = numbers;
      isRead = sequence >= to || pending === 0;
      if (sequence <= to) batch.push(storedMessage(message, sequence));
      if (batch.length < messagesPerBatch && !isRead) return;
      inflow.push(batch);
      batch = [];
      if (isRead) inflow.end();
    },
  });
  try {
    let due = 0;
    for (let read = 0; ;) {
      // It may have gone wrong while the reader was busy.
      if (failure !== '') throw unavailable(`reading the stream ${stream} ended: ${failure}`);
      if (inflow.isOver) return;
      if (!inflow.hasEnded && due - read < messagesAhead / 2) {
        askForMessages(connection, { stream, consumer, inbox }, pull);
        due += messagesAhead;
      }
      const messages = await inflow.next(silenceMs);
      if (messages === undefined) end('nothing is heard of it');
      else if (messages.length > 0) {
        read += messages.length;
        yield messages;
      }
    }
  } finally {
    subscription.unsubscribe();
    const path = `CONSUMER.DELETE.${stream}.${consumer}`;
    // A server that cannot be asked forgets it by itself; what went wrong before is worth telling.
    await apiRequest(connection, path, undefined, z.unknown()).catch(() => undefined);
  }
}
