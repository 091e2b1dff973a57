// The services of the protocol and their handlers. Except for requests of reads, messages are coded by hand.
import {
  status,
  type Metadata,
  type MethodDefinition,
  type sendUnaryData,
  type Server,
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
import type { StreamRemover } from '../../../domain/ports/stream-remover.ts';
import { decodeAppend, decodeFragment } from './append-messages.ts';
import { appendHandler } from './append.ts';
import type { Gate } from './authorization.ts';
import { batchAppendHandler } from './batch-append.ts';
import type { FrontContext } from './context.ts';
import { readHandler } from './read.ts';
import type { Address } from './listener.ts';
import { removalHandler } from './removal.ts';
import { field, numberField } from '../wire/protobuf-writer.ts';
import { asSent, notReady, Refusal } from './refusal.ts';
import { versionText } from './server-version.ts';
import { upkeepHandlers, upkeepService } from './upkeep.ts';

export type ServiceParts = {
  readonly context: FrontContext;
  readonly gate: Gate;
  readonly instanceId: string;
  readonly scavenge: () => void;
  /** Removes archived streams; a server that is imitated does not. */
  readonly remover: StreamRemover;
  /** The address at which clients reach the server. */
  readonly address: () => Address;
};

/** The handlers encode their answers themselves. */
const encoded = { responseSerialize: (bytes: Buffer): Buffer => bytes };

const { StreamsService } = streamsGrpc;
const streams = {
  ...StreamsService,
  read: { ...StreamsService.read, ...encoded },
  append: { ...StreamsService.append, ...encoded, requestDeserialize: decodeAppend },
  batchAppend: { ...StreamsService.batchAppend, ...encoded, requestDeserialize: decodeFragment },
  delete: { ...StreamsService.delete, ...encoded, requestDeserialize: decodeAppend },
  tombstone: { ...StreamsService.tombstone, ...encoded, requestDeserialize: decodeAppend },
};
const { getSupportedMethods } = featuresGrpc.ServerFeaturesService;
const features = { getSupportedMethods: { ...getSupportedMethods, ...encoded } };
const gossip = { read: { ...gossipGrpc.GossipService.read, ...encoded } };

const { OperationsService } = operationsGrpc;
const operations = {
  ...OperationsService,
  startScavenge: { ...OperationsService.startScavenge, ...encoded },
};

type Done = sendUnaryData<Buffer>;
type Call = { readonly metadata: Metadata };
type StreamingCall = Call & { emit: (name: 'error', error: Refusal) => boolean };

export function addServices(server: Server, parts: ServiceParts): void {
  const { context, gate, instanceId, address, scavenge, remover } = parts;
  const streaming =
    <C extends StreamingCall>(handle: (call: C) => void) =>
    (call: C): void => {
      const refused = gate(call.metadata);
      if (refused === undefined) handle(call);
      else call.emit('error', refused);
    };
  const answering =
    <C extends Call>(handle: (call: C, done: Done) => void) =>
    (call: C, done: Done): void => {
      const refused = gate(call.metadata);
      if (refused !== undefined) {
        done(refused);
        return;
      }
      if (!context.state.isReady) {
        done(notReady());
        return;
      }
      handle(call, (error, answer) => {
        done(error instanceof Refusal ? asSent(error, context.like) : error, answer);
      });
    };
  const handlers = {
    read: streaming(readHandler(context)),
    append: answering(appendHandler(context)),
    batchAppend: streaming(batchAppendHandler(context)),
    delete: answering(removalHandler(context, 'DeleteReq')),
    tombstone: answering(removalHandler(context, 'TombstoneReq')),
  };
  server.addService(streams, complete(streams, handlers));
  // Clients make these two calls first, and without credentials.
  server.addService(features, {
    getSupportedMethods(_call: unknown, done: Done) {
      done(null, supportedMethods(versionText(context.like)));
    },
  });
  server.addService(gossip, {
    read(_call: unknown, done: Done) {
      const { host, port } = address();
      done(null, clusterOfOne(instanceId, host, port));
    },
  });
  const imitated =
    context.like === undefined
      ? {}
      : {
          startScavenge: answering((_call, done) => {
            scavenge();
            done(null, field(1, crypto.randomUUID()));
          }),
        };
  server.addService(operations, complete(operations, imitated));
  if (context.like === undefined) {
    const upkeep = upkeepHandlers(remover);
    const handlers = {
      removeStreams: answering(upkeep.removeStreams),
      shrink: answering(upkeep.shrink),
    };
    server.addService(upkeepService, complete(upkeepService, handlers));
  }
  for (const service of [
    persistentGrpc.PersistentSubscriptionsService,
    usersGrpc.UsersService,
    projectionsGrpc.ProjectionsService,
    monitoringGrpc.MonitoringService,
  ]) {
    server.addService(service, complete(service, {}));
  }
}

const STREAMS = 'event_store.client.streams.streams';

/** `VNodeState.LEADER` */
const LEADER = 8;

/** Official clients append in batches only if this lists `batchappend`; names are in lower case. */
const METHODS: readonly (readonly [method: string, ...features: string[]])[] = [
  ['read', 'position', 'events'],
  ['append'],
  ['batchappend', 'deadline_duration'],
  ['delete'],
  ['tombstone'],
];

/** A `SupportedMethods` message. */
function supportedMethods(version: string): Buffer {
  const methods = METHODS.map(([name, ...features]) =>
    field(1, field(1, name), field(2, STREAMS), ...features.map((feature) => field(3, feature))),
  );
  return Buffer.concat([...methods, field(2, version)]);
}

/** A `ClusterInfo` message with this server as the leader and only member. */
function clusterOfOne(instanceId: string, address: string, port: number): Buffer {
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
function complete(
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
      `Tocsin's store does not implement ${path}: it appends, reads, subscribes, deletes and tombstones. Use EventStoreDB or KurrentDB for the rest.`,
    );
  return responseStream
    ? (call: StreamingCall) => {
        call.emit('error', refusal());
      }
    : (_call: unknown, done: Done) => {
        done(refusal());
      };
}
