// The output on NATS JetStream. Each session has its own connection; the expected last sequence on every message is
// the fence. An ack counts only in its own session and only for exactly its sequence.
import type { Msg, NatsConnection, PublishOptions } from 'nats';
import { z } from 'zod';
import { tryParseJson } from '../../domain/core/json.ts';
import { silentLogger, type Logger } from '../../domain/ports/logger.ts';
import {
  OutputError,
  type Output,
  type OutputFailure,
  type OutputInfo,
  type OutputMessage,
  type OutputSession,
} from '../../projections/output.ts';
import {
  apiErrorText,
  apiRequest,
  closeConnection,
  findStream,
  jetStreamConnector,
  type Connection,
} from './connection.ts';
import { causeText, errorCode, jsErrorSchema, publishFailure } from './failures.ts';
import type { NatsConnectionOptions } from './options.ts';
import { Pipeline } from './pipeline.ts';
import { readMessage } from './read-message.ts';
import { createConfig, describeStream, planStream, streamInfoSchema } from './stream.ts';
import type { StreamInfo, StreamPlan } from './stream.ts';
import { encodeHeaders, rawHeaders, UnsendableMessage } from './wire.ts';

export type JetStreamOutputOptions = NatsConnectionOptions & {
  /** Name of the JetStream stream; default `TOCSIN`. */
  readonly stream?: string | undefined;
  /** Put before every subject, `mock.` included; default empty, else it ends with a dot: `acme.`. */
  readonly subjectRoot?: string | undefined;
  /** The stream's subjects without root; default all of them. */
  readonly subjects?: readonly string[] | undefined;
  /** Replicas of a stream that we create; default 1. */
  readonly replicas?: number | undefined;
  /** Milliseconds without any ack, while one is due, until a session ends; default 5,000. */
  readonly stallAfterMs?: number | undefined;
  readonly logger?: Logger | undefined;
};

const stallAfterMs = 5_000;

const ackSchema = z.object({
  stream: z.string(),
  seq: z.number().int().optional(),
  duplicate: z.boolean().optional(),
  error: jsErrorSchema.optional(),
});

/**
 * The output port on a NATS server or cluster with JetStream, 2.9.10 or newer. Each session makes its own connection.
 *
 * @throws TocsinError (`usage`) for an invalid stream name or subject root; a session checks addresses and files
 */
export function jetStreamOutput(options: JetStreamOutputOptions): Output {
  const plan = planStream(options);
  const connect = jetStreamConnector(options);
  return {
    stream: plan.stream,
    connect: async (signal) => sessionOn(await connect(signal), plan, options),
  };
}

function sessionOn(
  connection: Connection,
  plan: StreamPlan,
  options: JetStreamOutputOptions,
): OutputSession {
  const { client } = connection;
  const { stream } = plan;
  const { logger = silentLogger } = options;
  // An ordinary ack is this text with its number, and needs no parser.
  const ackStart = `{"stream":"${stream}", "seq":`;
  const replyStart = `${connection.inbox}.`;
  const streamHeader = `Nats-Expected-Stream: ${stream}\r\nNats-Expected-Last-Sequence: `;
  const headers = rawHeaders(connection.headers());
  // One object for all messages: the client reads it before `publish` returns.
  const publishOptions: PublishOptions = { headers: headers.headers };
  let closing = false;

  const send = (message: OutputMessage, sequence: number): number => {
    const block = encodeHeaders(message, `${streamHeader}${sequence - 1}\r\n`);
    headers.set(block);
    publishOptions.reply = `${replyStart}${sequence}`;
    client.publish(message.subject, message.data, publishOptions);
    return block.length + message.data.length;
  };
  const onFailure = (failure: OutputFailure): void => {
    if (!closing) logger.warn({ stream, ...failure }, 'output session ended');
    acks.unsubscribe();
    // Closing drops the client's buffer, so nothing of a dead epoch is sent.
    void closeConnection(connection);
  };
  const host = { send, sendFailure, onFailure };
  const pipeline = new Pipeline(host, options.stallAfterMs ?? stallAfterMs);
  // Runs in the client's read loop: an exception would stop the loop silently.
  const onReply = (error: Error | null, reply: Msg): void => {
    try {
      if (error !== null) throw error;
      const token = reply.subject.slice(replyStart.length);
      const body = reply.string();
      const sequence = Number(token);
      if (body === `${ackStart}${token}}`) pipeline.acknowledge(sequence);
      else onUnusualReply(pipeline, sequence, replyFailure(stream, sequence, reply, body));
    } catch (cause) {
      const message = `a reply could not be read: ${causeText(cause)}`;
      pipeline.fail({ kind: 'unavailable', message }, cause);
    }
  };
  const acks = client.subscribe(`${replyStart}*`, { callback: onReply });
  watchConnection(client, pipeline);

  const assertOpen = (): void => {
    if (pipeline.failure !== undefined) throw pipeline.failure;
  };
  const describe = (info: StreamInfo): OutputInfo =>
    describeStream(plan, info, client.info?.version ?? '');
  return {
    async info() {
      assertOpen();
      const found = await findStream(connection, stream);
      return found && describe(found);
    },
    async create(description) {
      assertOpen();
      const config = createConfig(plan, description);
      const path = `STREAM.CREATE.${stream}`;
      const answer = await apiRequest(connection, path, config, streamInfoSchema);
      if (answer.ok) return describe(answer.value);
      const { error } = answer;
      const message = `The stream ${stream} cannot be created: ${apiErrorText(error)}`;
      // This call answers 500 for refused settings as well (10052), so only 503 counts as unavailable.
      const isTransient = error === 'no_responders' || error.code === 503;
      throw new OutputError({ kind: isTransient ? 'unavailable' : 'rejected', message });
    },
    async read(sequence) {
      assertOpen();
      return readMessage(connection, stream, sequence);
    },
    publish: (firstSequence, messages) => pipeline.publish(firstSequence, messages),
    async [Symbol.asyncDispose]() {
      closing = true;
      pipeline.fail({ kind: 'unavailable', message: 'the session was closed' });
      await closeConnection(connection);
    },
  };
}

/** The failure that an answer means that is no ordinary ack; `undefined` for an ack in another form. */
function replyFailure(
  stream: string,
  sequence: number,
  { headers }: Msg,
  body: string,
): OutputFailure | undefined {
  const failed = (kind: OutputFailure['kind'], what: string): OutputFailure => ({
    kind,
    message: `message ${sequence} ${what}`,
  });
  if (headers?.code === 503 && body === '') {
    return failed('unavailable', 'was refused: no stream takes its subject');
  }
  const { success, data: ack } = ackSchema.safeParse(tryParseJson(body));
  if (!success) return failed('unavailable', 'got an answer in an unknown form');
  if (ack.error !== undefined) return publishFailure(sequence, ack.error);
  if (ack.stream !== stream) return failed('rejected', `went to the stream ${ack.stream}`);
  // nats-server before 2.10.26 could acknowledge a message that it never stored as a duplicate.
  const duplicate = ack.duplicate === true ? ', a duplicate' : '';
  if (ack.seq === sequence && duplicate === '') return undefined;
  return failed('unavailable', `was acknowledged as ${ack.seq ?? 'nothing'}${duplicate}`);
}

function onUnusualReply(
  pipeline: Pipeline,
  sequence: number,
  failure: OutputFailure | undefined,
): void {
  if (failure === undefined) pipeline.acknowledge(sequence);
  else if (failure.kind !== 'fenced' || sequence === pipeline.acked + 1) pipeline.fail(failure);
  else {
    // An earlier message has no ack, so the wrong sequence proves no other writer. The server's reason, such as a
    // missing permission, arrives as a status event: let that event come first.
    setImmediate(() => {
      const message = `${failure.message}, but an earlier one has no answer`;
      pipeline.fail({ kind: 'unavailable', message });
    });
  }
}

/** Ends the session when the connection closes or the server reports a missing permission. */
function watchConnection(client: NatsConnection, pipeline: Pipeline): void {
  const closed = (cause: unknown): void => {
    const why = cause === undefined ? '' : `: ${causeText(cause)}`;
    pipeline.fail({ kind: 'unavailable', message: `the connection closed${why}` }, cause);
  };
  client.closed().then(closed, closed);
  const watchStatus = async (): Promise<void> => {
    for await (const { type, permissionContext } of client.status()) {
      const name: string = type;
      if (name !== 'error' || permissionContext === undefined) continue;
      const { operation, subject } = permissionContext;
      // The caller of an API request gets its denial; nothing else reports that of a publish or inbox.
      if (operation === 'publish' && subject.startsWith('$JS.')) continue;
      const message = `the server forbids the ${operation} ${subject}`;
      pipeline.fail({ kind: 'rejected', message });
    }
  };
  watchStatus().catch(closed);
}

function sendFailure(cause: unknown, sequence: number): OutputFailure {
  const code = cause instanceof Error ? errorCode(cause) : undefined;
  const isPermanent = cause instanceof UnsendableMessage || code === 'MAX_PAYLOAD_EXCEEDED';
  const message = `message ${sequence} cannot be sent: ${causeText(cause)}`;
  return { kind: isPermanent ? 'rejected' : 'unavailable', message };
}
