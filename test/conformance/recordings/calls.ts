// Calls of the protocol without the official client, and how recordings describe their statuses.
import {
  Client,
  credentials,
  status,
  type ClientDuplexStream,
  type ServiceError,
  type StatusObject,
} from '@grpc/grpc-js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type { BatchAppendResp, ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import { expectedMessages } from './format.ts';
import {
  encodeOptions,
  encodePart,
  encodeRead,
  ofAll,
  uuidText,
  type Expected,
  type Name,
  type WireEvent,
} from './wire.ts';

const PATH = '/event_store.client.streams.Streams';
const asIs = (bytes: Buffer): Buffer => bytes;
/** Clients accept more than 4 MiB, as the official one does. */
const OPTIONS = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 };

export function wireClient(port: number): Client {
  return new Client(`127.0.0.1:${port}`, credentials.createInsecure(), OPTIONS);
}

/** An open BatchAppend call. */
export type BatchCall = {
  readonly send: (part: Buffer) => void;
  readonly halfClose: () => void;
  readonly cancel: () => void;
  /** All answers so far. */
  readonly answers: readonly BatchAppendResp[];
  /** Resolves with an answer that fits, or the status that ended the call, or `undefined` after the time. */
  readonly answer: (
    fits: (answer: BatchAppendResp) => boolean,
    withinMs: number,
  ) => Promise<BatchAppendResp | StatusObject | undefined>;
  /** The status that ended the call, once there is one. */
  readonly end: () => StatusObject | undefined;
};

export function openBatch(client: Client): BatchCall {
  const call: ClientDuplexStream<Buffer, Buffer> = client.makeBidiStreamRequest(
    `${PATH}/BatchAppend`,
    asIs,
    asIs,
  );
  const answers: BatchAppendResp[] = [];
  const taken = new Set<BatchAppendResp>();
  const checks = new Set<() => void>();
  let ended: StatusObject | undefined;
  const check = (): void => {
    for (const one of checks) one();
  };
  call.on('data', (bytes: Buffer) => {
    answers.push(streams.BatchAppendResp.deserializeBinary(bytes));
    check();
  });
  // The status tells it.
  call.on('error', () => undefined);
  call.on('status', (given) => {
    ended = given;
    check();
  });
  return {
    answers,
    send: (part) => void call.write(part),
    halfClose: () => void call.end(),
    cancel: () => {
      call.cancel();
    },
    end: () => ended,
    answer: (fits, withinMs) =>
      new Promise((resolve) => {
        const done = (value: BatchAppendResp | StatusObject | undefined): void => {
          clearTimeout(timer);
          checks.delete(look);
          resolve(value);
        };
        const look = (): void => {
          const found = answers.find((answer) => !taken.has(answer) && fits(answer));
          if (found !== undefined) taken.add(found);
          if (found !== undefined || ended !== undefined) done(found ?? ended);
        };
        const timer = setTimeout(() => {
          done(undefined);
        }, withinMs);
        checks.add(look);
        look();
      }),
  };
}

/** One append over a BatchAppend call of its own. */
export async function appendInBatch(
  client: Client,
  name: Name,
  expected: Expected,
  events: readonly WireEvent[],
  ...extra: readonly Buffer[]
): Promise<BatchAppendResp | StatusObject | undefined> {
  const call = openBatch(client);
  const correlation = uuidText(crypto.randomUUID());
  call.send(encodePart({ correlation, options: encodeOptions(name, expected, ...extra), events }));
  const answer = await call.answer(() => true, 10_000);
  call.cancel();
  return answer;
}

export type CallResult = { readonly bytes: Buffer | undefined; readonly status: StatusObject };

/** A call with one answer: Append, Delete or Tombstone. */
export function unary(
  client: Client,
  method: 'Append' | 'Delete' | 'Tombstone',
  messages: readonly Buffer[],
): Promise<CallResult> {
  return new Promise((resolve) => {
    let bytes: Buffer | undefined;
    const done = (error: ServiceError | null, value?: Buffer): void => {
      bytes = value;
      if (error !== null) bytes = undefined;
    };
    const ended = (given: StatusObject): void => {
      // After the callback, which has the answer.
      setImmediate(() => {
        resolve({ bytes, status: given });
      });
    };
    if (method === 'Append') {
      const call = client.makeClientStreamRequest(`${PATH}/Append`, asIs, asIs, done);
      call.on('status', ended);
      // The status tells it.
      call.on('error', () => undefined);
      for (const message of messages) call.write(message);
      call.end();
    } else {
      const [request = Buffer.alloc(0)] = messages;
      client.makeUnaryRequest(`${PATH}/${method}`, asIs, asIs, request, done).on('status', ended);
    }
  });
}

/** A read or subscription; cancelled once `enough` says so, or after the time. */
export function openRead(
  client: Client,
  request: Buffer,
  onMessage: (message: ReadResp) => void = () => undefined,
) {
  const call = client.makeServerStreamRequest(`${PATH}/Read`, asIs, asIs, request);
  const messages: ReadResp[] = [];
  let end: StatusObject | undefined;
  let timesCaughtUp = 0;
  const checks = new Set<() => void>();
  const check = (): void => {
    for (const one of checks) one();
  };
  call.on('data', (bytes: Buffer) => {
    const message = streams.ReadResp.deserializeBinary(bytes);
    messages.push(message);
    if (message.hasCaughtUp()) timesCaughtUp += 1;
    onMessage(message);
    check();
  });
  call.on('error', () => undefined);
  call.on('status', (given) => {
    end = given;
    check();
  });
  /** True once it has ended or holds; false after the time. */
  const until = (holds: () => boolean, withinMs: number): Promise<boolean> =>
    new Promise((resolve) => {
      const done = (value: boolean): void => {
        clearTimeout(timer);
        checks.delete(look);
        resolve(value);
      };
      const look = (): void => {
        if (end !== undefined || holds()) done(true);
      };
      const timer = setTimeout(() => {
        done(false);
      }, withinMs);
      checks.add(look);
      look();
    });
  return {
    call,
    messages,
    end: () => end,
    until,
    /** How often the reader was told that it has caught up. */
    timesCaughtUp: () => timesCaughtUp,
    /** Resolves once it has caught up, or has ended. */
    untilCaughtUp: () => until(() => timesCaughtUp > 0, HANGS_MS),
  };
}

export type OpenRead = ReturnType<typeof openRead>;

const HANGS_MS = 60_000;

/**
 * Waits until a reader has what a recorded reader got, and until nothing more can come.
 *
 * @param said the messages and the end of the recorded reader
 */
export async function heard(client: Client, read: OpenRead, said: unknown): Promise<void> {
  const { count, ends } = expectedMessages(said);
  await read.until(() => !ends && read.messages.length >= count, 5_000);
  if (read.end() === undefined) await quiet(client);
}

/** Asks the front some times in turn. Whatever it had to send before on this connection has arrived then. */
export async function quiet(client: Client): Promise<void> {
  for (let n = 0; n < 5; n += 1) {
    const last = encodeRead({ of: ofAll('end'), direction: 'backwards', count: 1n });
    await openRead(client, last).until(() => false, HANGS_MS);
  }
}

/** A status as recordings have it. */
export function describeStatus({ code, details, metadata }: StatusObject) {
  const left = new Set(['date', 'server', 'content-type', 'content-length']);
  const trailers = Object.entries(metadata.getMap()).filter(([key]) => !left.has(key));
  const isOfClient = /^Deadline exceeded after /.test(details);
  return {
    code: status[code],
    // grpc-js says OK where servers say nothing.
    details:
      code === status.OK
        ? ''
        : isOfClient
          ? 'Deadline exceeded after … (the client says it)'
          : details,
    ...(trailers.length > 0 && { trailers: Object.fromEntries(trailers) }),
  };
}
