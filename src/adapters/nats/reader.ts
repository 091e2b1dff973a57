// The output stream for those who only compare: batches through one consumer, and no way to publish.
import { z } from 'zod';
import type { OutputInfo, StoredMessage } from '../../projections/ports.ts';
import type { MessageReader } from '../../projections/audit/ports.ts';
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
import { deliveryNumbers } from './pull.ts';
import { storedMessage } from './stored-message.ts';
import { createReadingConsumer } from './watch.ts';

/** Messages handed on at a time, and how many are asked for ahead: what a slow reader holds. */
const messagesPerBatch = 128;
const messagesAhead = 512;
const pullExpiresMs = 30_000;
const silenceMs = 15_000;
const nanosPerMs = 1_000_000;

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
  );
  // What was deleted is not waited for.
  if (held === 0) return;
  const inbox = `${connection.inbox}.read`;
  using inflow = new Inflow<readonly StoredMessage[]>(undefined);
  client.closed().then(
    () => {
      inflow.end();
    },
    () => {
      inflow.end();
    },
  );
  let [batch, delivered, failure]: [StoredMessage[], number, string] = [[], 0, ''];
  const subscription = client.subscribe(inbox, {
    callback: (error, message) => {
      const numbers = error === null ? deliveryNumbers(message.reply ?? '') : undefined;
      if (numbers?.delivered !== delivered + 1) {
        failure = error?.message ?? message.headers?.status ?? 'a message was skipped';
        inflow.end();
        return;
      }
      delivered += 1;
      const { sequence, pending } = numbers;
      const isLast = sequence >= to || pending === 0;
      if (sequence <= to) batch.push(storedMessage(message, sequence));
      if (batch.length < messagesPerBatch && !isLast) return;
      inflow.push(batch);
      batch = [];
      if (isLast) inflow.end();
    },
  });
  try {
    let due = 0;
    for (let read = 0; ;) {
      if (due - read < messagesAhead / 2) {
        const pull = { batch: messagesAhead, expires: pullExpiresMs * nanosPerMs };
        const subject = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`;
        client.publish(subject, JSON.stringify(pull), { reply: inbox });
        due += messagesAhead;
      }
      const messages = await inflow.next(silenceMs);
      if (failure !== '') throw unavailable(`reading the stream ${stream} ended: ${failure}`);
      if (messages === undefined) throw unavailable(`nothing is heard of the stream ${stream}`);
      read += messages.length;
      if (messages.length > 0) yield messages;
      if (inflow.isOver) return;
    }
  } finally {
    subscription.unsubscribe();
    await apiRequest(connection, `CONSUMER.DELETE.${stream}.${consumer}`, undefined, z.unknown());
  }
}
