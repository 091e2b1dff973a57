// The official client, opened at the places where the adapter needs more than its public methods
// give. What is used of it: discovery, TLS, credentials, the channel with its reconnects and leader
// changes, and its messages for what is asked once. What is not: `appendToStream`, whose promises are shared by all
// clients of a process, and the read methods, which lose the order of checkpoints and know no filter
// for `$all`. docs/eventstoredb.md has the findings.
import { EventStoreDBClient, type GossipClusterOptions } from '@eventstore/db-client';
import grpcStubs from '@eventstore/db-client/generated/streams_grpc_pb.js';
import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js';
import {
  Channel,
  credentials as grpcCredentials,
  type ChannelOptions,
  type ClientDuplexStream,
  type ClientReadableStream,
} from '@grpc/grpc-js';

/** The server's answers to one read or subscription, each a `ReadResp` as it came. */
export type ReadCall = ClientReadableStream<Buffer>;

/** Appends out, answers in: each a `BatchAppendReq` or a `BatchAppendResp` as it is on the wire. */
export type AppendCall = ClientDuplexStream<Buffer, Buffer>;

const { read, batchAppend } = grpcStubs.StreamsService;
const asIs = (bytes: Buffer): Buffer => bytes;

/** The client's settings of a cluster; with `endpoint`, of one node, which it looks for first. */
export type Nodes = GossipClusterOptions & {
  readonly endpoint?: { readonly address: string; readonly port: number };
};

/**
 * Bytes that the server may send ahead of the reader. HTTP/2's 64 KiB hold some fifty events: at every
 * fifty the server would wait for the reader's answer.
 */
const WINDOW_BYTES = 1024 * 1024;

/** The server may write events of 16 MiB for itself; what the client sets, too. */
const MAX_ANSWER_BYTES = 17 * 1024 * 1024;

type ClientArguments = ConstructorParameters<typeof EventStoreDBClient>;

/** How the channel is secured. */
export type ChannelSecurity = {
  readonly insecure: boolean;
  readonly rootCertificate?: Buffer;
  readonly userCertFile?: Buffer;
  readonly userKeyFile?: Buffer;
};

/** One HTTP/2 connection at a time, dialled by the first call and again after it was lost. */
export class Connection extends EventStoreDBClient {
  #channel: Promise<Channel> | undefined;

  constructor(nodes: Nodes, security: ChannelSecurity, credentials: ClientArguments[2]) {
    super(nodes, security, credentials);
    // The client gives its channels no window. It has not dialled yet what it makes here.
    const create: unknown = this['createChannel'];
    if (!makesChannels(create)) throw new TypeError('the client has no createChannel any more');
    const open = async (): Promise<Channel> => {
      const made = await create();
      const target = made.getTarget();
      made.close();
      return new Channel(target, credentialsOf(security), optionsOf(nodes));
    };
    this['createChannel'] = () => {
      this.#channel = open();
      return this.#channel;
    };
  }

  /** Starts a read. @param requiresLeader another node than the leader refuses, and is left for it */
  async startRead(request: ReadReq, requiresLeader: boolean): Promise<ReadCall> {
    const start = this.GRPCStreamCreator(grpcStubs.StreamsClient, 'read', (client) =>
      client.makeServerStreamRequest(
        read.path,
        read.requestSerialize,
        asIs,
        request,
        ...this.callArguments({ requiresLeader }, { deadline: Infinity }),
      ),
    );
    return start();
  }

  /** Starts a stream of appends. */
  async startAppends(requiresLeader: boolean): Promise<AppendCall> {
    const start = this.GRPCStreamCreator(grpcStubs.StreamsClient, 'appends', (client) =>
      client.makeBidiStreamRequest(
        batchAppend.path,
        asIs,
        asIs,
        ...this.callArguments({ requiresLeader }, { deadline: Infinity }),
      ),
    );
    return start();
  }

  /** Cancels what is under way and lets go of the connection; the client's `dispose` does only the first. */
  async close(): Promise<void> {
    await this.dispose();
    // A dial that failed has nothing to close.
    const channel = await this.#channel?.catch(() => undefined);
    channel?.close();
  }
}

function makesChannels(value: unknown): value is () => Promise<Channel> {
  return typeof value === 'function';
}

function credentialsOf({ insecure, rootCertificate, userKeyFile, userCertFile }: ChannelSecurity) {
  return insecure
    ? grpcCredentials.createInsecure()
    : grpcCredentials.createSsl(rootCertificate, userKeyFile, userCertFile);
}

/** What the client sets, and the window. */
function optionsOf({ keepAliveInterval, keepAliveTimeout }: Nodes): ChannelOptions {
  return {
    'grpc.keepalive_time_ms': keepAlive(keepAliveInterval),
    'grpc.keepalive_timeout_ms': keepAlive(keepAliveTimeout),
    'grpc.max_receive_message_length': MAX_ANSWER_BYTES,
    'grpc-node.flow_control_window': WINDOW_BYTES,
  };
}

/** The client's default, and its word for never. */
function keepAlive(ms = 10_000): number {
  return ms < 0 ? Number.MAX_VALUE : ms;
}
