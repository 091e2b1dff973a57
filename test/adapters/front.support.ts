// Shared by the front's tests: a front in its own process, and calls that the official client never makes.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { credentials, Metadata, type ClientReadableStream } from '@grpc/grpc-js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import type { StreamsClient } from '@eventstore/db-client/generated/streams_grpc_pb.js';
import type {
  BatchAppendReq,
  BatchAppendResp,
  ReadReq,
  ReadResp,
} from '@eventstore/db-client/generated/streams_pb.js';
import { onTestFinished } from 'vitest';
import {
  createFront,
  type Front,
  type FrontOptions,
} from '../../src/adapters/eventstore/front/front.ts';

export function storeFile(): string {
  const directory = mkdtempSync(join(tmpdir(), 'tocsin-front-'));
  onTestFinished(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  return join(directory, 'events.db');
}

/** A front in this process that ends with the test. */
export async function aFront(options: Omit<FrontOptions, 'file'> = {}): Promise<Front> {
  const front = await createFront({ ...options, file: storeFile() });
  onTestFinished(() => front.close());
  return front;
}

export type FrontProcess = {
  readonly url: string;
  readonly process: ChildProcess;
  /** The memory it holds, in bytes. */
  readonly memory: () => Promise<number>;
  readonly killed: () => Promise<void>;
};

/** A front in a process of its own. */
export async function frontProcess(
  file: string,
  port = 0,
  outgoing: FrontOptions['outgoing'] = {},
): Promise<FrontProcess> {
  const module = new URL('../../src/adapters/eventstore/front/front.ts', import.meta.url).href;
  const code = `
    import { createInterface } from 'node:readline';
    import { createFront } from ${JSON.stringify(module)};
    const options = ${JSON.stringify({ file, port, outgoing })};
    const front = await createFront(options);
    process.stdout.write(front.url + '\\n');
    createInterface(process.stdin).on('line', () => {
      globalThis.gc();
      process.stdout.write(process.memoryUsage().rss + '\\n');
    });`;
  const child = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-e', code], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const line = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error('the front ended');
    return value;
  };
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return {
    url: await line(),
    process: child,
    async memory() {
      child.stdin.write('\n');
      return Number(await line());
    },
    async killed() {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** The protocol's client as it is generated, without the official client's care. */
export function rawClient(port: number, host = '127.0.0.1'): StreamsClient {
  // Otherwise all clients of one address share a connection.
  const own = { 'grpc.use_local_subchannel_pool': 1 };
  const client = new streamsGrpc.StreamsClient(
    `${host}:${port}`,
    credentials.createInsecure(),
    own,
  );
  onTestFinished(() => {
    client.close();
  });
  return client;
}

export function identifier(
  name: string | Uint8Array,
): InstanceType<typeof shared.StreamIdentifier> {
  const made = new shared.StreamIdentifier();
  made.setStreamName(Buffer.from(name));
  return made;
}

export function uuid(text: string): InstanceType<typeof shared.UUID> {
  const made = new shared.UUID();
  made.setString(text);
  return made;
}

export type FragmentParts = {
  readonly id: string;
  readonly stream?: string | Uint8Array;
  readonly expected?: 'any' | 'none given';
  readonly events?: number;
  readonly final?: boolean;
  /** Data bytes per event. */
  readonly bytes?: number;
};

/** One fragment of a batch append. */
export function fragment(parts: FragmentParts): BatchAppendReq {
  const request = new streams.BatchAppendReq();
  request.setCorrelationId(uuid(parts.id));
  if (parts.stream !== undefined) {
    // The class of the field `any` belongs to a package that is not ours to import: these are its bytes.
    const any = parts.expected === 'none given' ? [] : [0x22, 0];
    const options = streams.BatchAppendReq.Options.deserializeBinary(Uint8Array.from(any));
    options.setStreamIdentifier(identifier(parts.stream));
    request.setOptions(options);
  }
  for (let n = 0; n < (parts.events ?? 1); n += 1) {
    const message = new streams.BatchAppendReq.ProposedMessage();
    message.setId(uuid(crypto.randomUUID()));
    message.getMetadataMap().set('type', 'raw').set('content-type', 'application/octet-stream');
    message.setData(Buffer.alloc(parts.bytes ?? 10));
    request.addProposedMessages(message);
  }
  request.setIsFinal(parts.final ?? true);
  return request;
}

/** Sends fragments over one stream and returns the answers until the server ends it. @param ends says so to the server */
export function batch(
  client: StreamsClient,
  fragments: readonly BatchAppendReq[],
  metadata = new Metadata(),
  ends = true,
): Promise<BatchAppendResp[]> {
  return new Promise((resolve, reject) => {
    const answers: BatchAppendResp[] = [];
    const call = client.batchAppend(metadata);
    call.on('data', (answer: BatchAppendResp) => answers.push(answer));
    call.on('error', reject);
    call.on('end', () => {
      resolve(answers);
    });
    for (const one of fragments) call.write(one);
    if (ends) call.end();
  });
}

/** Reads to the end. */
export function collected(call: ClientReadableStream<ReadResp>): Promise<ReadResp[]> {
  return new Promise((resolve, reject) => {
    const list: ReadResp[] = [];
    call.on('data', (one: ReadResp) => list.push(one));
    call.on('error', reject);
    call.on('end', () => {
      resolve(list);
    });
  });
}

/** A read of all from the start, to be changed into something worse. */
export function readRequest(change: (options: ReadReq.Options) => void = () => undefined): ReadReq {
  const options = new streams.ReadReq.Options();
  const all = new streams.ReadReq.Options.AllOptions();
  all.setStart(new shared.Empty());
  options.setAll(all);
  options.setCount('100');
  options.setNoFilter(new shared.Empty());
  const uuids = new streams.ReadReq.Options.UUIDOption();
  uuids.setString(new shared.Empty());
  options.setUuidOption(uuids);
  change(options);
  const request = new streams.ReadReq();
  request.setOptions(options);
  return request;
}

/** Code and trailers of the error that the work ends in. */
export async function statusOf(work: Promise<unknown>): Promise<{
  readonly code: number;
  readonly details: string;
  readonly trailers: Record<string, unknown>;
}> {
  const error: unknown = await work.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (
    error instanceof Error &&
    'code' in error &&
    'details' in error &&
    'metadata' in error &&
    error.metadata instanceof Metadata
  ) {
    return {
      code: Number(error.code),
      details: String(error.details),
      trailers: error.metadata.getMap(),
    };
  }
  throw new Error('no status', { cause: error });
}
