// gRPC servers of tests: they are bound to a free port, and may pass calls on to a front as bytes.
import type { Client, Server } from '@grpc/grpc-js';
import {
  ServerCredentials,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import featuresGrpc from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import gossipGrpc from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import type { Certificate } from './certificate.ts';

/** Binds a server to a free port of this machine. */
export function bound(server: Server, tls?: Certificate): Promise<number> {
  const credentials =
    tls === undefined
      ? ServerCredentials.createInsecure()
      : ServerCredentials.createSsl(null, [
          { cert_chain: Buffer.from(tls.certificate), private_key: Buffer.from(tls.key) },
        ]);
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}

const asIs = (bytes: Buffer): Buffer => bytes;
const identity = {
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
};
const { read, batchAppend } = streamsGrpc.StreamsService;
const { getSupportedMethods } = featuresGrpc.ServerFeaturesService;

/** The calls of the adapter, with requests and answers as bytes. */
export const services = {
  streams: { read: { ...read, ...identity }, batchAppend: { ...batchAppend, ...identity } },
  gossip: { read: { ...gossipGrpc.GossipService.read, ...identity } },
  features: { getSupportedMethods: { ...getSupportedMethods, ...identity } },
};

export type Reading = ServerWritableStream<Buffer, Buffer>;
export type Appending = ServerDuplexStream<Buffer, Buffer>;
export type Unary = sendUnaryData<Buffer>;

/** Handlers that pass calls on to a front. @param passes false while nothing of a call under way goes on */
export function forwarding(front: Client, passes: () => boolean = () => true) {
  return {
    read(call: Reading): void {
      const inner = front.makeServerStreamRequest(read.path, asIs, asIs, call.request);
      inner.on('data', (answer: Buffer) => {
        if (passes()) call.write(answer);
      });
      inner.on('error', (error) => call.emit('error', error));
      inner.on('end', () => {
        if (passes()) call.end();
      });
      call.on('cancelled', () => {
        inner.cancel();
      });
    },
    /** @param answered true for a request that is answered here */
    batchAppend(call: Appending, answered: (request: Buffer) => boolean = () => false): void {
      const inner = front.makeBidiStreamRequest(batchAppend.path, asIs, asIs);
      call.on('data', (part: Buffer) => {
        if (passes() && !answered(part)) inner.write(part);
      });
      inner.on('data', (answer: Buffer) => {
        if (passes()) call.write(answer);
      });
      inner.on('error', (error) => call.emit('error', error));
      call.on('cancelled', () => {
        inner.cancel();
      });
      call.on('end', () => {
        inner.end();
      });
    },
    getSupportedMethods: (call: { readonly request: Buffer }, done: Unary): void => {
      front.makeUnaryRequest(getSupportedMethods.path, asIs, asIs, call.request, done);
    },
  };
}
