// The official client with the three calls that the adapter needs. It is used for discovery, TLS,
// credentials, and the channel with its reconnects and leader changes. Not used are `appendToStream`, whose
// promises are shared by all clients of a process, and the read methods, which lose the order of checkpoints
// and cannot filter `$all` (docs/eventstoredb.md). Loading this file loads the client and gRPC.
import { EventStoreDBClient, type GossipClusterOptions } from '@eventstore/db-client';
import grpcStubs from '@eventstore/db-client/generated/streams_grpc_pb.js';
import {
  Channel,
  credentials as grpcCredentials,
  type ChannelOptions,
  type ClientDuplexStream,
  type ClientReadableStream,
} from '@grpc/grpc-js';

/** The server's answers to one read or subscription, each the bytes of a `ReadResp`. */
export type ReadCall = ClientReadableStream<Buffer>;

/** Writes the bytes of `BatchAppendReq` messages and receives those of `BatchAppendResp` messages. */
export type AppendCall = ClientDuplexStream<Buffer, Buffer>;

const { read, batchAppend } = grpcStubs.StreamsService;
const asIs = (bytes: Buffer): Buffer => bytes;

/** The client's settings of a cluster; with `endpoint`, of one node, for which the client looks first. */
export type Nodes = GossipClusterOptions & {
  readonly endpoint?: { readonly address: string; readonly port: number };
};

/**
 * Bytes that the server may send ahead of the reader. HTTP/2's 64 KiB hold about fifty events: after each
 * fifty the server would wait for the reader.
 */
const WINDOW_BYTES = 1024 * 1024;

/** The server may write events of 16 MiB for itself; the client sets the same limit. */
const MAX_ANSWER_BYTES = 17 * 1024 * 1024;

type ClientArguments = ConstructorParameters<typeof EventStoreDBClient>;

/** How the channel is secured. */
export type ChannelSecurity = {
  readonly insecure: boolean;
  readonly rootCertificate?: Buffer;
  readonly userCertFile?: Buffer;
  readonly userKeyFile?: Buffer;
};

/** One HTTP/2 connection at a time, opened by the first call and again after it was lost. */
export class Connection extends EventStoreDBClient {
  #channel: Promise<Channel> | undefined;

  constructor(nodes: Nodes, security: ChannelSecurity, credentials: ClientArguments[2]) {
    super(nodes, security, credentials);
    // The client sets no flow control window. The channel that it makes here is not connected yet.
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

  /** Starts a read. @param requiresLeader true makes the client connect to the leader if another node answers */
  async startRead(request: Buffer, requiresLeader: boolean): Promise<ReadCall> {
    const start = this.GRPCStreamCreator(grpcStubs.StreamsClient, 'read', (client) =>
      client.makeServerStreamRequest(
        read.path,
        asIs,
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

  /** Cancels all calls and closes the connection; the client's `dispose` only cancels. */
  async close(): Promise<void> {
    await this.dispose();
    // A connection that could not be opened has nothing to close.
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

/** The client's own options, and the window. */
function optionsOf({ keepAliveInterval, keepAliveTimeout }: Nodes): ChannelOptions {
  return {
    'grpc.keepalive_time_ms': keepAlive(keepAliveInterval),
    'grpc.keepalive_timeout_ms': keepAlive(keepAliveTimeout),
    'grpc.max_receive_message_length': MAX_ANSWER_BYTES,
    'grpc-node.flow_control_window': WINDOW_BYTES,
  };
}

/** The client's default is 10 s; a negative number means never. */
function keepAlive(ms = 10_000): number {
  return ms < 0 ? Number.MAX_VALUE : ms;
}
