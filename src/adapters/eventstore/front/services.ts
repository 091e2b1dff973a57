// The services of the protocol and their handlers. Definitions come from the published package; except for the
// requests of reads, messages are encoded and decoded by hand.
import { randomUUID } from 'node:crypto';
import {
  type sendUnaryData,
  type Server,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  status,
  type MethodDefinition,
  type ServiceDefinition,
  type UntypedHandleCall,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import gossipGrpc from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import monitoringGrpc from '@eventstore/db-client/generated/monitoring_grpc_pb.js';
import operationsGrpc from '@eventstore/db-client/generated/operations_grpc_pb.js';
import persistentGrpc from '@eventstore/db-client/generated/persistent_grpc_pb.js';
import projectionsGrpc from '@eventstore/db-client/generated/projections_grpc_pb.js';
import featuresGrpc from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import usersGrpc from '@eventstore/db-client/generated/users_grpc_pb.js';
import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js';
import type { EmbeddedEngine } from '../embedded/open.ts';
import {
  decodeAppend,
  decodeFragment,
  type AppendMessage,
  type BatchFragment,
} from './append-messages.ts';
import { appendHandler } from './append.ts';
import type { Gate } from './authorization.ts';
import { batchAppendHandler } from './batch-append.ts';
import type { FrontLimits } from './limits.ts';
import { readHandler } from './read.ts';
import { tombstoneHandler } from './tombstone.ts';
import { field, numberField } from '../wire/protobuf-writer.ts';
import { Refusal } from './refusal.ts';

/** The parts of the server that the services use. */
export type ServiceParts = {
  readonly engine: EmbeddedEngine;
  readonly limits: FrontLimits;
  readonly gate: Gate;
  /** Aborted when the server closes. */
  readonly closing: AbortSignal;
  /** The address at which clients reach the server. */
  readonly address: () => { readonly host: string; readonly port: number };
};

const asIs = (bytes: Buffer): Buffer => bytes;

const streams = {
  ...streamsGrpc.StreamsService,
  read: { ...streamsGrpc.StreamsService.read, responseSerialize: asIs },
  append: {
    ...streamsGrpc.StreamsService.append,
    requestDeserialize: decodeAppend,
    responseSerialize: asIs,
  },
  batchAppend: {
    ...streamsGrpc.StreamsService.batchAppend,
    requestDeserialize: decodeFragment,
    responseSerialize: asIs,
  },
  tombstone: {
    ...streamsGrpc.StreamsService.tombstone,
    requestDeserialize: decodeAppend,
    responseSerialize: asIs,
  },
};
const { getSupportedMethods } = featuresGrpc.ServerFeaturesService;
const features = { getSupportedMethods: { ...getSupportedMethods, responseSerialize: asIs } };
const gossip = { read: { ...gossipGrpc.GossipService.read, responseSerialize: asIs } };

/** Adds all services to a server. */
export function addServices(server: Server, parts: ServiceParts): void {
  const { engine, limits, gate, closing, address } = parts;
  const instanceId = randomUUID();
  const read = readHandler(engine, closing);
  const append = appendHandler(engine, limits);
  const batchAppend = batchAppendHandler(engine, limits, closing);
  const tombstone = tombstoneHandler(engine);
  server.addService(
    streams,
    complete(streams, {
      read(call: ServerWritableStream<ReadReq, Buffer>) {
        const refused = gate(call.metadata);
        if (refused === undefined) read(call);
        else call.emit('error', refused);
      },
      append(call: ServerReadableStream<AppendMessage, Buffer>, done: sendUnaryData<Buffer>) {
        const refused = gate(call.metadata);
        if (refused === undefined) append(call, done);
        else done(refused);
      },
      batchAppend(call: ServerDuplexStream<BatchFragment, Buffer>) {
        const refused = gate(call.metadata);
        if (refused === undefined) batchAppend(call);
        else call.emit('error', refused);
      },
      tombstone(call: ServerUnaryCall<AppendMessage, Buffer>, done: sendUnaryData<Buffer>) {
        const refused = gate(call.metadata);
        if (refused === undefined) tombstone(call, done);
        else done(refused);
      },
    }),
  );
  // Clients make these two calls first, and without credentials.
  server.addService(features, {
    getSupportedMethods(_call: unknown, done: sendUnaryData<Buffer>) {
      done(null, supportedMethods());
    },
  });
  server.addService(gossip, {
    read(_call: unknown, done: sendUnaryData<Buffer>) {
      const { host, port } = address();
      done(null, clusterOfOne(instanceId, host, port));
    },
  });
  for (const service of [
    persistentGrpc.PersistentSubscriptionsService,
    usersGrpc.UsersService,
    operationsGrpc.OperationsService,
    projectionsGrpc.ProjectionsService,
    monitoringGrpc.MonitoringService,
  ]) {
    server.addService(service, complete(service, {}));
  }
}

/** The version of EventStoreDB that the front behaves like; clients parse three numbers. */
const SERVER_VERSION = '24.10.5';

const STREAMS = 'event_store.client.streams.streams';

/** `VNodeState.LEADER` */
const LEADER = 8;

/** Official clients append in batches only if this lists `batchappend`; names are in lower case. */
const METHODS: readonly (readonly [method: string, features: readonly string[]])[] = [
  ['read', ['position', 'events']],
  ['append', []],
  ['batchappend', ['deadline_duration']],
  ['tombstone', []],
];

/** A `SupportedMethods` message. */
export function supportedMethods(): Buffer {
  const methods = METHODS.map(([name, features]) =>
    field(1, field(1, name), field(2, STREAMS), ...features.map((feature) => field(3, feature))),
  );
  return Buffer.concat([...methods, field(2, SERVER_VERSION)]);
}

/** A `ClusterInfo` message with this server as the leader and only member. */
export function clusterOfOne(instanceId: string, address: string, port: number): Buffer {
  return field(
    1,
    field(1, field(2, instanceId)),
    numberField(2, BigInt(Date.now()) * 10_000n),
    numberField(3, LEADER),
    numberField(4, 1),
    field(5, field(1, address), numberField(2, port)),
  );
}

/** Handlers for every call of the service: the given ones, and a refusal for the others. */
export function complete(
  service: ServiceDefinition,
  handlers: UntypedServiceImplementation,
): UntypedServiceImplementation {
  const all: UntypedServiceImplementation = {};
  for (const [name, definition] of Object.entries(service)) {
    all[name] = handlers[name] ?? refusing(definition);
  }
  return all;
}

function refusing({ path, responseStream }: MethodDefinition<unknown, unknown>): UntypedHandleCall {
  const refusal = (): Refusal =>
    new Refusal(
      status.UNIMPLEMENTED,
      `Tocsin's store does not implement ${path}: it appends, reads, subscribes and tombstones. Use EventStoreDB or KurrentDB for the rest.`,
    );
  if (responseStream) {
    return (call: { emit: (name: 'error', error: Refusal) => boolean }) => {
      call.emit('error', refusal());
    };
  }
  return (_call: unknown, done: (error: Refusal) => void) => {
    done(refusal());
  };
}
