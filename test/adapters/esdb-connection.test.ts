// The adapter's connection: discovery of a cluster, and nodes that do not lead.
import { Metadata, Server, status } from '@grpc/grpc-js';
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
import { all, anEvent } from '../../src/facade/contracts/event-store-support.ts';
import { jsonEvents } from '../conformance/front.support.ts';
import { bound } from '../support/grpc-servers.ts';
import { aFront } from './front.support.ts';

function store(options: EventStoreDbOptions): EventStore {
  const opened = eventStoreDb({ deadlines: { appendMs: 4_000, silenceMs: 4_000 }, ...options });
  onTestFinished(async () => opened[Symbol.asyncDispose]());
  return opened;
}

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
    expect(await moved.append('a', 'no_stream', [anEvent(0)])).toMatchObject({
      outcome: 'appended',
      revision: 0n,
    });
    expect(await all(moved.readStream('a', { direction: 'forwards' }))).toHaveLength(1);
  });
});

/** Fails the test when a rejection of the client has no handler. */
test('no error ends the process while a cluster has no leader', async () => {
  let state: gossip.MemberInfo.VNodeState = gossip.MemberInfo.VNodeState.LEADER;
  const delays = [100, 300];
  const notReady = { code: status.UNAVAILABLE, details: 'Server Is Not Ready' };
  const member = await aMember(
    (port) => ({ port, state }),
    (call) => {
      setTimeout(() => call.emit('error', notReady), delays.shift() ?? 50);
    },
  );
  const waiting = store({ connectionString: `esdb+discover://127.0.0.1:${member}?tls=false` });
  const read = (name: string) => all(waiting.readStream(name, { direction: 'forwards' }));
  const refused = { kind: 'unavailable' };
  const first = expect(read('a')).rejects.toMatchObject(refused);
  const second = expect(read('b')).rejects.toMatchObject(refused);
  setTimeout(() => {
    state = gossip.MemberInfo.VNodeState.UNKNOWN;
  }, 50);
  await first;
  const third = expect(read('c')).rejects.toMatchObject(refused);
  await Promise.all([second, third]);
});

type Call = { emit: (name: 'error', error: object) => boolean };

/** A node that leads no more: it says who does. */
function formerLeader(leaderPort: number): Promise<number> {
  const metadata = new Metadata();
  metadata.set('exception', 'not-leader');
  metadata.set('leader-endpoint-host', '127.0.0.1');
  metadata.set('leader-endpoint-port', String(leaderPort));
  const notLeader = { code: status.NOT_FOUND, details: 'not leader', metadata };
  return aMember(
    () => ({ port: leaderPort, state: gossip.MemberInfo.VNodeState.LEADER }),
    (call) => call.emit('error', notLeader),
  );
}

/** A server that names one member in its gossip, and refuses all other calls. */
async function aMember(
  named: (port: number) => { readonly port: number; readonly state: gossip.MemberInfo.VNodeState },
  refuse: (call: Call) => void,
): Promise<number> {
  const server = new Server();
  let port = 0;
  const { read, batchAppend } = streamsGrpc.StreamsService;
  server.addService({ read, batchAppend }, { read: refuse, batchAppend: refuse });
  server.addService(gossipGrpc.GossipService, {
    read(_call: unknown, done: (error: null, info: unknown) => void) {
      const member = named(port);
      const endPoint = new gossip.EndPoint();
      endPoint.setAddress('127.0.0.1');
      endPoint.setPort(member.port);
      const info = new gossip.MemberInfo();
      const instance = new shared.UUID();
      instance.setString(crypto.randomUUID());
      info.setInstanceId(instance);
      info.setState(member.state);
      info.setIsAlive(true);
      info.setHttpEndPoint(endPoint);
      const cluster = new gossip.ClusterInfo();
      cluster.addMembers(info);
      done(null, cluster);
    },
  });
  port = await bound(server);
  onTestFinished(() => {
    server.forceShutdown();
  });
  return port;
}
