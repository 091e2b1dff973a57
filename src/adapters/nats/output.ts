// The output on NATS JetStream. One connection per session, and the expected last sequence on every message as
// the fence. An ack counts only in its own session and only for exactly its sequence.
import type { Msg, PublishOptions, Subscription } from 'nats';
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
  type StoredMessage,
} from '../../projections/output.ts';
import {
  apiErrorText,
  apiRequest,
  closeConnection,
  findStream,
  isCode,
  openJetStream,
  type Connection,
} from './connection.ts';
import {
  causeText,
  errorCode,
  jsCode,
  jsErrorSchema,
  publishFailure,
  unavailable,
} from './failures.ts';
import type { NatsConnectionOptions } from './options.ts';
import { Pipeline } from './pipeline.ts';
import {
  createConfig,
  describeStream,
  planStream,
  streamInfoSchema,
  type StreamInfo,
  type StreamPlan,
} from './stream.ts';
import {
  decodeHeaders,
  encodeHeaders,
  rawHeaders,
  UnsendableMessage,
  type RawHeaders,
} from './wire.ts';

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

const storedSchema = z.object({
  message: z.object({
    seq: z.number().int().positive(),
    subject: z.string(),
    hdrs: z.base64().optional(),
    data: z.base64().optional(),
  }),
});

/**
 * The output port on a NATS server or cluster with JetStream, 2.9.10 or newer. Each session makes its own
 * connection.
 *
 * @throws TocsinError (`usage`) for an invalid stream name or subject root; addresses and files are checked
 *   when a session connects
 */
export function jetStreamOutput(options: JetStreamOutputOptions): Output {
  const plan = planStream(options);
  return {
    stream: plan.stream,
    connect: async (signal) => {
      const connection = await openJetStream(options, signal);
      return new JetStreamSession(connection, plan, options);
    },
  };
}

class JetStreamSession implements OutputSession {
  readonly #connection: Connection;
  readonly #plan: StreamPlan;
  readonly #logger: Logger;
  readonly #pipeline: Pipeline;
  readonly #acks: Subscription;
  /** The text of an ordinary ack before its number: such an ack needs no parser. */
  readonly #ackStart: string;
  readonly #replyStart: string;
  readonly #headers: RawHeaders;
  /** One object for all messages: the client reads it before `publish` returns. */
  readonly #publishOptions: PublishOptions;
  readonly #streamHeader: string;
  #closing = false;

  constructor(connection: Connection, plan: StreamPlan, options: JetStreamOutputOptions) {
    this.#connection = connection;
    this.#plan = plan;
    this.#logger = options.logger ?? silentLogger;
    this.#headers = rawHeaders(connection.headers());
    this.#publishOptions = { headers: this.#headers.headers };
    this.#ackStart = `{"stream":"${plan.stream}", "seq":`;
    this.#replyStart = `${connection.inbox}.`;
    this.#streamHeader = `Nats-Expected-Stream: ${plan.stream}\r\nNats-Expected-Last-Sequence: `;
    this.#pipeline = new Pipeline(
      {
        send: (message, sequence) => this.#send(message, sequence),
        sendFailure,
        onFailure: (failure) => {
          this.#end(failure);
        },
      },
      options.stallAfterMs ?? stallAfterMs,
    );
    this.#acks = connection.client.subscribe(`${this.#replyStart}*`, {
      callback: (error, reply) => {
        this.#onReply(error, reply);
      },
    });
    this.#watchConnection();
  }

  async info(): Promise<OutputInfo | undefined> {
    this.#assertOpen();
    const found = await findStream(this.#connection, this.#plan.stream);
    return found && this.#describe(found);
  }

  async create(description: string): Promise<OutputInfo> {
    const config = createConfig(this.#plan, description);
    const answer = await this.#api(`STREAM.CREATE.${this.#plan.stream}`, config, streamInfoSchema);
    if (answer.ok) return this.#describe(answer.value);
    const { error } = answer;
    const message = `The stream ${this.#plan.stream} cannot be created: ${apiErrorText(error)}`;
    // This call answers 500 for refused settings as well (10052), so only 503 counts as unavailable.
    const isTransient = error === 'no_responders' || error.code === 503;
    throw new OutputError({ kind: isTransient ? 'unavailable' : 'rejected', message });
  }

  async read(sequence: bigint): Promise<StoredMessage | undefined> {
    if (sequence < 1n) return undefined;
    const request = { seq: Number(sequence) };
    // Not the direct get: a follower may answer it with an older state.
    const answer = await this.#api(`STREAM.MSG.GET.${this.#plan.stream}`, request, storedSchema);
    if (answer.ok) {
      const { seq, subject, hdrs = '', data = '' } = answer.value.message;
      const headers = decodeHeaders(Buffer.from(hdrs, 'base64').toString('latin1'));
      return { sequence: BigInt(seq), subject, headers, data: Buffer.from(data, 'base64') };
    }
    const { noMessage, streamNotFound } = jsCode;
    if (isCode(answer.error, noMessage) || isCode(answer.error, streamNotFound)) return undefined;
    throw unavailable(`Message ${sequence} cannot be read: ${apiErrorText(answer.error)}`);
  }

  publish(firstSequence: bigint, messages: readonly OutputMessage[]): Promise<void> {
    return this.#pipeline.publish(firstSequence, messages);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    this.#pipeline.fail({ kind: 'unavailable', message: 'the session was closed' });
    await closeConnection(this.#connection);
  }

  #send(message: OutputMessage, sequence: number): number {
    const block = encodeHeaders(message, `${this.#streamHeader}${sequence - 1}\r\n`);
    this.#headers.set(block);
    this.#publishOptions.reply = `${this.#replyStart}${sequence}`;
    this.#connection.client.publish(message.subject, message.data, this.#publishOptions);
    return block.length + message.data.length;
  }

  /** Runs in the client's read loop: an exception would stop the loop silently. */
  #onReply(error: Error | null, reply: Msg): void {
    try {
      if (error !== null) throw error;
      const token = reply.subject.slice(this.#replyStart.length);
      const body = reply.string();
      const sequence = Number(token);
      if (body === `${this.#ackStart}${token}}`) this.#pipeline.acknowledge(sequence);
      else this.#onUnusualReply(sequence, reply.headers?.code, body);
    } catch (cause) {
      const message = `a reply could not be read: ${causeText(cause)}`;
      this.#pipeline.fail({ kind: 'unavailable', message }, cause);
    }
  }

  #onUnusualReply(sequence: number, status: number | undefined, body: string): void {
    if (status === 503 && body === '') {
      const message = `message ${sequence} was refused: no stream takes its subject`;
      this.#pipeline.fail({ kind: 'unavailable', message });
      return;
    }
    const { success, data: ack } = ackSchema.safeParse(tryParseJson(body));
    if (!success) {
      const message = `message ${sequence} got an answer in an unknown form`;
      this.#pipeline.fail({ kind: 'unavailable', message });
    } else if (ack.error !== undefined) {
      this.#onRefusal(publishFailure(sequence, ack.error), sequence);
    } else if (ack.stream !== this.#plan.stream) {
      const message = `message ${sequence} went to the stream ${ack.stream}`;
      this.#pipeline.fail({ kind: 'rejected', message });
    } else if (ack.duplicate === true || ack.seq !== sequence) {
      // nats-server before 2.10.26 could acknowledge a message that it never stored as a duplicate.
      const message = `message ${sequence} was acknowledged as ${ack.seq ?? 'nothing'}${ack.duplicate === true ? ', a duplicate' : ''}`;
      this.#pipeline.fail({ kind: 'unavailable', message });
    } else {
      this.#pipeline.acknowledge(sequence);
    }
  }

  #onRefusal(failure: OutputFailure, sequence: number): void {
    if (failure.kind !== 'fenced' || sequence === this.#pipeline.acked + 1) {
      this.#pipeline.fail(failure);
      return;
    }
    // An earlier message of this session has no ack, so the wrong sequence proves no other writer. The server's
    // reason, such as a missing permission, arrives as a status event: let that event come first.
    setImmediate(() => {
      const message = `${failure.message}, but an earlier one has no answer`;
      this.#pipeline.fail({ kind: 'unavailable', message });
    });
  }

  /** Ends the session when the connection closes or the server reports a missing permission. */
  #watchConnection(): void {
    const { client } = this.#connection;
    const closed = (cause: unknown): void => {
      const why = cause === undefined ? '' : `: ${causeText(cause)}`;
      this.#pipeline.fail({ kind: 'unavailable', message: `the connection closed${why}` }, cause);
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
        this.#pipeline.fail({ kind: 'rejected', message });
      }
    };
    watchStatus().catch(closed);
  }

  #end(failure: OutputFailure): void {
    if (!this.#closing) {
      this.#logger.warn({ stream: this.#plan.stream, ...failure }, 'output session ended');
    }
    this.#acks.unsubscribe();
    // Closing drops the client's buffer, so nothing of a dead epoch is sent.
    void closeConnection(this.#connection);
  }

  #describe(info: StreamInfo): OutputInfo {
    return describeStream(this.#plan, info, this.#connection.client.info?.version ?? '');
  }

  #api<T>(path: string, payload: unknown, schema: z.ZodType<T>) {
    this.#assertOpen();
    return apiRequest(this.#connection, path, payload, schema);
  }

  #assertOpen(): void {
    const { failure } = this.#pipeline;
    if (failure !== undefined) throw failure;
  }
}

function sendFailure(cause: unknown, sequence: number): OutputFailure {
  const code = cause instanceof Error ? errorCode(cause) : undefined;
  const isPermanent = cause instanceof UnsendableMessage || code === 'MAX_PAYLOAD_EXCEEDED';
  const message = `message ${sequence} cannot be sent: ${causeText(cause)}`;
  return { kind: isPermanent ? 'rejected' : 'unavailable', message };
}
