// A server before a front that answers some calls by itself: it refuses what a user has no right to, and names another
// version.
import { Client, credentials, Metadata, Server, status } from '@grpc/grpc-js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import { visitFields } from '../../src/adapters/eventstore/wire/protobuf-reader.ts';
import { field, numberField } from '../../src/adapters/eventstore/wire/protobuf-writer.ts';
import type { Certificate } from './certificate.ts';
import {
  bound,
  forwarding,
  services,
  type Appending,
  type Reading,
  type Unary,
} from './grpc-servers.ts';

/** `user`: the user is not known, so nothing is allowed. */
export type Denied = 'read of $all' | 'append' | 'read of $settings' | 'user';

export type FrontProxyOptions = {
  /** The version that it names; `null`: none, as servers before version 21. Default: the front's. */
  readonly version?: string | null;
  /** What the user has no right to. */
  readonly denies?: Denied;
  readonly tls?: Certificate;
};

export type FrontProxy = AsyncDisposable & {
  readonly port: number;
  /**
   * From now on the server denies this; `undefined`: nothing.
   *
   * @param endsCalls also ends the calls that are under way
   */
  readonly deny: (denies: Denied | undefined, endsCalls?: boolean) => void;
};

/** @param frontPort of a front without TLS */
export async function frontProxy(
  frontPort: number,
  { version, denies: first, tls }: FrontProxyOptions = {},
): Promise<FrontProxy> {
  let denies = first;
  const reading = new Set<Reading>();
  const front = new Client(`127.0.0.1:${frontPort}`, credentials.createInsecure());
  const passed = forwarding(front);
  const server = new Server();
  server.addService(services.streams, {
    read(call: Reading): void {
      if (denies === 'user') call.emit('error', unknownUser());
      else if (isRead(call.request, denies)) call.emit('error', denied());
      else {
        reading.add(call);
        call.once('close', () => reading.delete(call));
        passed.read(call);
      }
    },
    batchAppend(call: Appending): void {
      passed.batchAppend(call, (request) => {
        if (denies !== 'append' && denies !== 'user') return false;
        call.write(deniedAppend(request));
        return true;
      });
    },
  });
  server.addService(services.gossip, {
    read(_call: unknown, done: Unary): void {
      done(null, Buffer.alloc(0));
    },
  });
  if (version === undefined) {
    const { getSupportedMethods } = passed;
    server.addService(services.features, { getSupportedMethods });
  } else if (version !== null) {
    server.addService(services.features, {
      getSupportedMethods(_call: unknown, done: Unary): void {
        done(null, field(2, version));
      },
    });
  }
  return {
    port: await bound(server, tls),
    deny(next, endsCalls = true) {
      denies = next;
      if (!endsCalls) return;
      for (const call of reading)
        call.emit('error', { code: status.UNAVAILABLE, details: 'closed' });
    },
    [Symbol.asyncDispose]() {
      server.forceShutdown();
      front.close();
      return Promise.resolve();
    },
  };
}

function isRead(request: Buffer, what: FrontProxyOptions['denies']): boolean {
  const options = streams.ReadReq.deserializeBinary(request).getOptions();
  if (what === 'read of $all') return options?.hasAll() === true;
  if (what !== 'read of $settings') return false;
  const name = options?.getStream()?.getStreamIdentifier()?.getStreamName_asU8();
  return name !== undefined && Buffer.from(name).toString() === '$settings';
}

function unknownUser() {
  return { code: status.UNAUTHENTICATED, details: 'Unauthenticated' };
}

function denied() {
  const metadata = new Metadata();
  metadata.set('exception', 'access-denied');
  return { code: status.PERMISSION_DENIED, details: 'Access Denied', metadata };
}

/** The answer to an append: it has the request's correlation id. */
function deniedAppend(request: Buffer): Buffer {
  let id: Buffer = Buffer.alloc(0);
  visitFields(request, 0, request.length, {
    bytes(number, start, end) {
      if (number === 1) id = request.subarray(start, end);
    },
  });
  const type = 'type.googleapis.com/event_store.client.AccessDenied';
  const error = [numberField(1, status.PERMISSION_DENIED), field(2, 'AccessDenied')];
  return Buffer.concat([field(1, id), field(2, ...error, field(3, field(1, type)))]);
}
