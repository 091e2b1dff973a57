// A cluster of three members for the tests of the EventStoreDB adapter. One front holds the log; each member passes
// calls on to it, tells the others' states as gossip does, and can be killed, frozen and cut off.
import { Client, credentials, Metadata, Server, status, type sendUnaryData } from '@grpc/grpc-js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import { logRead } from '../../src/adapters/eventstore/esdb/requests.ts';
import { field, numberField } from '../../src/adapters/eventstore/wire/protobuf-writer.ts';
import { openProxy, type Proxy } from '../harness/proxy.ts';
import { bound, forwarding, services, type Appending, type Reading } from './grpc-servers.ts';

/** What can happen to a member. A member that is cut off keeps its clients' connections, and says nothing. */
export type Fault = 'kill' | 'freeze' | 'cut off';

export type EsdbCluster = AsyncDisposable & {
  /** The members' addresses. */
  readonly hosts: string;
  readonly leader: () => number;
  /** The member that the last read or subscription was started on; reads of the log's end do not count. */
  readonly lastRead: () => number;
  /** Another member is elected after `electionMs` if it was the leader. */
  readonly fail: (member: number, fault: Fault) => void;
  /** From now on the member is slow to tell what it knows. @returns how often it was asked since */
  readonly slowDown: (member: number) => () => number;
  /** How often the member was asked for what it knows. */
  readonly asked: (member: number) => number;
  /** The member gets no new events from now on, and says that it is well. */
  readonly lag: (member: number) => Promise<void>;
  /** The member's gossip names the leader of now from now on; it knows better when it is asked who leads. */
  readonly gossipLate: (member: number) => void;
  /** Makes a member the leader. */
  readonly elect: (member: number) => void;
};

const SLOW_MS = 150;

/** States of the protocol's `VNodeState`. */
const FOLLOWER = 6;
const LEADER = 8;

type Member = {
  readonly server: Server;
  readonly proxy: Proxy;
  isCutOff: boolean;
  asked: number;
  /** How often it was asked for the members since it is slow. */
  slowAnswers?: number;
  /** Its last event, as it answers a read of it, once it lags. */
  end?: Buffer;
};

/** The only read backwards of these tests is of the log's end. */
function isReadOfEnd(request: Buffer): boolean {
  const options = streams.ReadReq.deserializeBinary(request).getOptions();
  return options?.getReadDirection() === streams.ReadReq.Options.ReadDirection.BACKWARDS;
}

/**
 * @param frontPort the port of the front that holds the log
 * @param electionMs from the loss of a leader until the others name a new one
 * @param options `isHidden`: the members tell addresses at which nobody answers
 */
export async function esdbCluster(
  frontPort: number,
  electionMs = 1_500,
  { isHidden = false }: { readonly isHidden?: boolean } = {},
): Promise<EsdbCluster> {
  const front = new Client(`127.0.0.1:${frontPort}`, credentials.createInsecure());
  const members: Member[] = [];
  const failed = new Set<number>();
  /** The leaders that the gossip of members names, where it is late. */
  const named = new Map<number, number>();
  let leader = 0;
  let lastRead = 0;
  let timer: NodeJS.Timeout | undefined;

  /** What a member tells about all; the others notice a failure with the election. */
  const view = (of: number): Buffer => {
    const alone = members[of]?.isCutOff === true;
    const leads = named.get(of) ?? leader;
    return Buffer.concat(
      members.map(({ proxy }, index) => {
        const isLeader = alone ? index === of : index === leads;
        const isAlive = alone ? index === of : !failed.has(index) || index === leads;
        const id = `00000000-0000-0000-0000-00000000000${index}`;
        return field(
          1,
          field(1, field(2, id)),
          numberField(3, isLeader ? LEADER : FOLLOWER),
          numberField(4, isAlive ? 1 : 0),
          field(5, field(1, '127.0.0.1'), numberField(2, isHidden ? index + 1 : proxy.port)),
        );
      }),
    );
  };

  const notLeader = () => {
    const metadata = new Metadata();
    metadata.set('exception', 'not-leader');
    metadata.set('leader-endpoint-host', '127.0.0.1');
    const port = isHidden ? leader + 1 : members[leader]?.proxy.port;
    metadata.set('leader-endpoint-port', String(port));
    return { code: status.NOT_FOUND, details: 'Leader info available', metadata };
  };

  const refuses = (index: number, { metadata }: { readonly metadata: Metadata }): boolean =>
    metadata.get('requires-leader').length > 0 &&
    index !== leader &&
    members[index]?.isCutOff === false;

  const handlers = (index: number) => {
    const passes = (): boolean =>
      members[index]?.isCutOff === false && members[index].end === undefined;
    const passed = forwarding(front, passes);
    return {
      read(call: Reading): void {
        if (refuses(index, call)) return void call.emit('error', notLeader());
        const end = members[index]?.end;
        const isOfEnd = isReadOfEnd(call.request);
        if (end !== undefined && isOfEnd) {
          call.write(end);
          call.end();
          return;
        }
        // Clients compare the ends of the leader's log and of a follower's.
        if (!isOfEnd) lastRead = index;
        passed.read(call);
      },
      batchAppend(call: Appending): void {
        if (refuses(index, call)) call.emit('error', notLeader());
        else passed.batchAppend(call);
      },
    };
  };

  for (const index of [0, 1, 2]) {
    const server = new Server();
    server.addService(services.streams, handlers(index));
    server.addService(services.gossip, {
      read(_call: unknown, done: sendUnaryData<Buffer>) {
        const member = members[index];
        if (member !== undefined) member.asked += 1;
        const ms = member?.slowAnswers === undefined ? 0 : SLOW_MS;
        setTimeout(() => {
          if (member?.slowAnswers !== undefined) member.slowAnswers += 1;
          done(null, view(index));
        }, ms);
      },
    });
    const { getSupportedMethods } = forwarding(front);
    server.addService(services.features, { getSupportedMethods });
    const port = await bound(server);
    members.push({ server, proxy: await openProxy(port), isCutOff: false, asked: 0 });
  }

  return {
    hosts: members.map(({ proxy }) => `127.0.0.1:${proxy.port}`).join(','),
    leader: () => leader,
    lastRead: () => lastRead,
    fail(index, fault) {
      const member = members[index];
      if (member === undefined) throw new Error(`there is no member ${index}`);
      failed.add(index);
      if (fault === 'freeze') member.proxy.hold('up', 'down');
      if (fault === 'cut off') member.isCutOff = true;
      if (fault === 'kill') {
        member.proxy.refuse(true);
        member.proxy.cut('reset');
      }
      if (index !== leader) return;
      timer = setTimeout(() => {
        leader = members.findIndex((_, other) => !failed.has(other));
      }, electionMs);
    },
    slowDown(index) {
      const member = members[index];
      if (member === undefined) throw new Error(`there is no member ${index}`);
      member.slowAnswers = 0;
      return () => member.slowAnswers ?? 0;
    },
    asked: (index) => members[index]?.asked ?? 0,
    async lag(index) {
      const member = members[index];
      if (member === undefined) throw new Error(`there is no member ${index}`);
      const read = services.streams.read.path;
      const [asIs, request] = [(bytes: Buffer) => bytes, logRead('backwards', 'end', [], 1)];
      member.end = await new Promise<Buffer>((resolve, reject) => {
        front
          .makeServerStreamRequest(read, asIs, asIs, request)
          .on('data', resolve)
          .on('error', reject);
      });
    },
    gossipLate(index) {
      named.set(index, leader);
    },
    elect(index) {
      leader = index;
    },
    async [Symbol.asyncDispose]() {
      clearTimeout(timer);
      front.close();
      for (const { server, proxy } of members) {
        server.forceShutdown();
        await proxy[Symbol.asyncDispose]();
      }
    },
  };
}
