// What Tocsin uses of an official client: the definitions of the protocol's services. Two clients have these
// definitions, with the same protocol; the second client is loaded only when the connection string names it.
import { createRequire } from 'node:module';
import { TocsinError } from '../../../domain/core/errors.ts';
import { keepProtoPrivate } from '../wire/private-proto.ts';

/** `eventstore` is `@eventstore/db-client`, `kurrentdb` is `@kurrent/kurrentdb-client`. */
export const CLIENTS = ['eventstore', 'kurrentdb'] as const;

export type ClientName = (typeof CLIENTS)[number];

type Definition = { readonly path: string };

type Question<T> = Definition & { readonly responseDeserialize: (answer: Buffer) => T };

type GossipMember = {
  readonly getHttpEndPoint: () =>
    { readonly getAddress: () => string; readonly getPort: () => number } | undefined;
  readonly getState: () => number;
  readonly getIsAlive: () => boolean;
};

/** The calls of the protocol that Tocsin makes. It encodes and decodes events and appends itself. */
export type ServiceDefinitions = {
  readonly read: Definition;
  readonly batchAppend: Definition;
  readonly gossip: Question<{ readonly getMembersList: () => readonly GossipMember[] }>;
  readonly features: Question<{ readonly getEventStoreServerVersion: () => string }>;
};

/** A file of each client that its folder of definitions is found by. */
const OF_EVENTSTORE = '@eventstore/db-client/generated/shared_pb.js';
const OF_KURRENTDB = '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/shared_pb.js';

type Generated<T> = { readonly default: T };

/** The calls in a client's three files of services; only the paths of the files differ between the clients. */
function definitionsOf(
  streams: Generated<{
    readonly StreamsService: Pick<ServiceDefinitions, 'read' | 'batchAppend'>;
  }>,
  gossip: Generated<{ readonly GossipService: { readonly read: ServiceDefinitions['gossip'] } }>,
  features: Generated<{
    readonly ServerFeaturesService: {
      readonly getSupportedMethods: ServiceDefinitions['features'];
    };
  }>,
): ServiceDefinitions {
  const { read, batchAppend } = streams.default.StreamsService;
  return {
    read,
    batchAppend,
    gossip: gossip.default.GossipService.read,
    features: features.default.ServerFeaturesService.getSupportedMethods,
  };
}

/** Loads the client's generated code, and gRPC with it. */
export function loadDefinitions(client: ClientName): Promise<ServiceDefinitions> {
  return client === 'kurrentdb' ? ofKurrentDb() : ofEventStore();
}

async function ofEventStore(): Promise<ServiceDefinitions> {
  keepProtoPrivate(OF_EVENTSTORE);
  const loaded = await Promise.all([
    import('@eventstore/db-client/generated/streams_grpc_pb.js'),
    import('@eventstore/db-client/generated/gossip_grpc_pb.js'),
    import('@eventstore/db-client/generated/serverfeatures_grpc_pb.js'),
  ]);
  return definitionsOf(...loaded);
}

async function ofKurrentDb(): Promise<ServiceDefinitions> {
  keepProtoPrivate(OF_KURRENTDB);
  const loaded = await Promise.all([
    import('@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_grpc_pb.js'),
    import('@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/gossip_grpc_pb.js'),
    import('@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/serverfeatures_grpc_pb.js'),
  ]);
  return definitionsOf(...loaded);
}

/** @throws TocsinError `client_missing` when the client is not installed: no retry would help */
export function assertInstalled(client: ClientName): void {
  if (client === 'eventstore') return;
  try {
    createRequire(import.meta.url).resolve(OF_KURRENTDB);
  } catch (cause) {
    const message = 'the package @kurrent/kurrentdb-client is not installed, or not this version';
    throw new TocsinError('usage', 'client_missing', message, {
      hint: 'Install @kurrent/kurrentdb-client 1.3 or newer, or leave client=kurrentdb out of the connection string.',
      cause,
    });
  }
}
