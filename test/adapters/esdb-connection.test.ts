// The adapter's connection: TLS, credentials, discovery of a cluster, and a node that is not the leader.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js';
import gossipGrpc from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import gossip from '@eventstore/db-client/generated/gossip_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import { EventStoreDBClient } from '@eventstore/db-client';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  eventStoreDb,
  type EventStoreDbOptions,
} from '../../src/adapters/eventstore/esdb/store.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { all, anEvent, follow } from '../contracts/event-store.support.ts';
import { jsonEvents } from '../conformance/front.support.ts';
import { selfSigned } from '../support/certificate.ts';
import { aFront } from './front.support.ts';

const token = 'a token: with signs/#?';

function store(options: EventStoreDbOptions): EventStore {
  const opened = eventStoreDb({ deadlines: { appendMs: 4_000, silenceMs: 4_000 }, ...options });
  onTestFinished(async () => opened[Symbol.asyncDispose]());
  return opened;
}

/** The certificate in a file, and what a front takes. */
function tlsFiles() {
  const tls = selfSigned();
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-tls-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const caFile = join(folder, 'ca.pem');
  writeFileSync(caFile, tls.certificate);
  return { tls, caFile };
}

describe('eventStoreDb over TLS', () => {
  test('appends, reads and subscribes with the right CA and password', async () => {
    const { tls, caFile } = tlsFiles();
    const { port } = await aFront({ tls, token });
    const password = encodeURIComponent(token);
    const inString = store({
      connectionString: `esdb://any:${password}@localhost:${port}?tlsCAFile=${encodeURIComponent(caFile)}`,
    });
    expect(await inString.append('a', 'no_stream', [anEvent(0)])).toMatchObject({
      outcome: 'appended',
    });
    const inOptions = store({
      connectionString: `esdb://localhost:${port}`,
      credentials: { username: 'somebody', password: token },
      tls: { caFile },
    });
    expect(await all(inOptions.readStream('a', { direction: 'forwards' }))).toHaveLength(1);
    const heard = follow(inOptions, { prefixes: [] });
    await heard.untilEvents(1);
    await heard.stop();
  });

  test('sends nothing and ends every call with another CA', async () => {
    const { tls } = tlsFiles();
    const { caFile } = tlsFiles();
    const { port } = await aFront({ tls, token });
    const other = store({ connectionString: `esdb://localhost:${port}`, tls: { caFile } });
    expect(await other.append('a', 'no_stream', [anEvent(0)])).toMatchObject({
      outcome: 'unknown',
    });
    await expect(all(other.readStream('a', { direction: 'forwards' }))).rejects.toMatchObject({
      kind: 'unavailable',
    });
  });

  test.each([undefined, 'wrong'])('is denied with the password %s', async (password) => {
    const { tls, caFile } = tlsFiles();
    const { port } = await aFront({ tls, token });
    const credentials = password === undefined ? undefined : { username: 'any', password };
    const outside = store({
      connectionString: `esdb://localhost:${port}`,
      credentials,
      tls: { caFile },
    });
    const appended = await outside.append('a', 'no_stream', [anEvent(0)]);
    expect(appended).toMatchObject({ outcome: 'refused', reason: 'access_denied' });
    await expect(all(outside.readStream('a', { direction: 'forwards' }))).rejects.toMatchObject({
      kind: 'usage',
      code: 'store_access_denied',
    });
  });

  test('serves the unmodified official client as well', async () => {
    const { tls, caFile } = tlsFiles();
    const { port } = await aFront({ tls });
    const url = `esdb://admin:changeit@localhost:${port}?tls=true&tlsCAFile=${caFile}`;
    const client = EventStoreDBClient.connectionString(url);
    await client.appendToStream('a', jsonEvents(3));
    let read = 0;
    for await (const _ of client.readStream('a')) read += 1;
    expect(read).toBe(3);
    await client.dispose();
  });
});

describe('eventStoreDb with a cluster', () => {
  test('connects through any host while others are down', async () => {
    const { port } = await aFront();
    const connectionString = `esdb://127.0.0.1:1,127.0.0.1:${port}?tls=false`;
    expect(await store({ connectionString }).append('a', 'no_stream', [anEvent(0)])).toMatchObject({
      outcome: 'appended',
    });
    const discovered = `esdb+discover://127.0.0.1:${port}?tls=false`;
    const client = EventStoreDBClient.connectionString(discovered);
    await client.appendToStream('b', jsonEvents(1));
    await client.dispose();
  });

  test('ends at the deadline when no host answers', async () => {
    const connectionString = 'esdb://127.0.0.1:1,127.0.0.1:2?tls=false&gossipTimeout=1';
    const lost = store({ connectionString });
    expect(await lost.append('a', 'no_stream', [anEvent(0)], { deadlineMs: 1_000 })).toMatchObject({
      outcome: 'unknown',
    });
  });

  test('follows a change of the leader', async () => {
    const leader = await aFront();
    const former = await formerLeader(leader.port);
    const moved = store({ connectionString: `esdb://127.0.0.1:${former}?tls=false` });
    // The first answer names the leader; an append whose outcome that leaves open is made again.
    const event = anEvent(0);
    let result = await moved.append('a', 'no_stream', [event]);
    for (let n = 0; n < 5 && result.outcome === 'unknown'; n += 1) {
      result = await moved.append('a', 'no_stream', [event]);
    }
    expect(result).toMatchObject({ outcome: 'appended', revision: 0n });
    expect(await all(moved.readStream('a', { direction: 'forwards' }))).toHaveLength(1);
  });
});

/** A node that leads no more: it says who does. */
async function formerLeader(leaderPort: number): Promise<number> {
  const notLeader = () => {
    const metadata = new Metadata();
    metadata.set('exception', 'not-leader');
    metadata.set('leader-endpoint-host', '127.0.0.1');
    metadata.set('leader-endpoint-port', String(leaderPort));
    return Object.assign(new Error('not leader'), { code: status.NOT_FOUND, metadata });
  };
  type Call = { emit: (name: 'error', error: Error) => boolean };
  const refuse = (call: Call): void => {
    call.emit('error', notLeader());
  };
  const server = new Server();
  const { read, batchAppend } = streamsGrpc.StreamsService;
  server.addService({ read, batchAppend }, { read: refuse, batchAppend: refuse });
  server.addService(gossipGrpc.GossipService, {
    read(_call: unknown, done: (error: null, info: unknown) => void) {
      const endPoint = new gossip.EndPoint();
      endPoint.setAddress('127.0.0.1');
      endPoint.setPort(leaderPort);
      const member = new gossip.MemberInfo();
      const instance = new shared.UUID();
      instance.setString(crypto.randomUUID());
      member.setInstanceId(instance);
      member.setState(gossip.MemberInfo.VNodeState.LEADER);
      member.setIsAlive(true);
      member.setHttpEndPoint(endPoint);
      const info = new gossip.ClusterInfo();
      info.addMembers(member);
      done(null, info);
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  onTestFinished(() => {
    server.forceShutdown();
  });
  return port;
}
