// A model of what real servers answer to reads and subscriptions of $all, over gRPC. It follows what was measured on
// EventStoreDB 23.10.6 and 24.6.0: hidden records, scavenged events, checkpoints at the starts of pages, the event that
// 23.10 skips when it resumes, and places beyond the end.
import { Server, status, type ServerWritableStream } from '@grpc/grpc-js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js';
import streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import { field, numberField } from '../../src/adapters/eventstore/wire/protobuf-writer.ts';
import { bound } from './grpc-servers.ts';

export type ServerVersion = '23.10' | '24.6';

export type LogRecord = {
  readonly commit: bigint;
  readonly id: string;
  readonly stream: string;
  readonly revision: bigint;
  /** In the log, but never sent: `$epoch-information`, checkpoints of persistent subscriptions. */
  readonly isHidden: boolean;
  isScavenged: boolean;
};

type Place = { readonly commit: bigint; readonly prepare: bigint };
type Call = ServerWritableStream<ReadReq, Buffer>;

const UNKNOWN_PLACE = 2n ** 64n - 1n;
/** Records of one page of a filtered read, and pages from checkpoint to checkpoint: small, so that tests are. */
const WINDOW = 4;
const MULTIPLIER = 2;

export class ServerModel {
  readonly #version: ServerVersion;
  readonly #server = new Server();
  readonly #wakes = new Set<() => void>();
  readonly #subscriptions = new Set<Call>();
  records: LogRecord[] = [];
  /** Messages until the server breaks a subscription; each break takes the next number. */
  breaks: number[] = [];

  constructor(version: ServerVersion) {
    this.#version = version;
    const { path } = streamsGrpc.StreamsService.read;
    const read = {
      path,
      requestStream: false as const,
      responseStream: true as const,
      requestSerialize: (request: ReadReq) => Buffer.from(request.serializeBinary()),
      requestDeserialize: (bytes: Buffer) => streams.ReadReq.deserializeBinary(bytes),
      responseSerialize: (bytes: Buffer) => bytes,
      responseDeserialize: (bytes: Buffer) => bytes,
    };
    this.#server.addService({ read }, { read: (call: Call) => void this.#answer(call) });
  }

  /** @returns the connection string */
  async start(): Promise<string> {
    const port = await bound(this.#server);
    return `esdb://127.0.0.1:${port}?tls=false`;
  }

  stop(): void {
    this.#server.forceShutdown();
  }

  /** Breaks all subscriptions, as a restart does. */
  drop(): void {
    for (const call of this.#subscriptions) this.#fail(call, status.UNAVAILABLE, 'restarted');
    this.#subscriptions.clear();
  }

  append(stream: string, isHidden = false): LogRecord {
    const before = this.records.filter((record) => record.stream === stream).length;
    const record = {
      // A byte offset: no two records are next to each other.
      commit: (this.records.at(-1)?.commit ?? -100n) + 100n,
      id: crypto.randomUUID(),
      stream,
      revision: BigInt(before),
      isHidden,
      isScavenged: false,
    };
    this.records.push(record);
    for (const wake of this.#wakes) wake();
    return record;
  }

  /** Records that another node has written. */
  replicate(records: readonly LogRecord[]): void {
    this.records.push(...records);
    for (const wake of this.#wakes) wake();
  }

  #visible(): LogRecord[] {
    return this.records.filter(({ isHidden, isScavenged }) => !isHidden && !isScavenged);
  }

  async #answer(call: Call): Promise<void> {
    const options = call.request.getOptions();
    const position = options?.getAll()?.getPosition();
    const place = position && {
      commit: BigInt(position.getCommitPosition()),
      prepare: BigInt(position.getPreparePosition()),
    };
    const prefixes = options?.getFilter()?.getStreamIdentifier()?.getPrefixList();
    const matches = ({ stream }: LogRecord): boolean =>
      prefixes === undefined || prefixes.some((prefix) => stream.startsWith(prefix));
    if (options?.hasSubscription() === true) await this.#subscribe(call, place, matches);
    else this.#read(call, place, matches);
  }

  #read(call: Call, place: Place | undefined, matches: (record: LogRecord) => boolean): void {
    const options = call.request.getOptions();
    const isBackwards =
      options?.getReadDirection() === streams.ReadReq.Options.ReadDirection.BACKWARDS;
    if (place !== undefined && this.#isNoRecord(place)) {
      const how = this.#version === '23.10' ? 'Error' : 'InvalidPosition';
      this.#fail(call, status.UNKNOWN, `Unexpected ReadAllResult: ${how}`);
      return;
    }
    const visible = this.#visible().filter(matches);
    const found = isBackwards
      ? visible.filter((record) => place === undefined || compare(record, place) < 0).toReversed()
      : visible.filter((record) => place === undefined || compare(record, place) >= 0);
    const count = Number(options?.getCount());
    for (const record of found.slice(0, count)) call.write(eventOf(record));
    call.end();
  }

  async #subscribe(
    call: Call,
    place: Place | undefined,
    matches: (record: LogRecord) => boolean,
  ): Promise<void> {
    const isOld = this.#version === '23.10';
    if (isOld && place !== undefined && this.#isNoRecord(place)) {
      this.#fail(call, status.UNKNOWN, 'Exception was thrown by handler.');
      return;
    }
    this.#subscriptions.add(call);
    let left = this.breaks.shift() ?? Infinity;
    const send = (message: Buffer): void => {
      if (left <= 0) return;
      left -= 1;
      call.write(message);
      if (left === 0) this.#fail(call, status.UNAVAILABLE, 'the connection was cut');
    };
    send(field(2, field(1, crypto.randomUUID())));
    if (place !== undefined && this.#isNoRecord(place)) {
      this.#fail(call, status.INVALID_ARGUMENT, 'Trying to read from an invalid position.');
      return;
    }
    let at = this.#firstToSend(place);
    const isBeyond = place !== undefined && place.commit > (this.records.at(-1)?.commit ?? 0n);
    const isSent = (record: LogRecord): boolean =>
      !record.isHidden &&
      !record.isScavenged &&
      matches(record) &&
      (isOld || !isBeyond || compare(record, place) > 0);
    let lastSent: Buffer | undefined = isOld ? undefined : checkpointOf(place ?? noPlace);
    // Catch-up in pages of records, hidden ones counted.
    for (let page = 1; ; page += 1) {
      const records = this.records.slice(at, at + WINDOW);
      for (const record of records.filter(isSent)) {
        send(eventOf(record));
        if (!isOld) lastSent = checkpointOf({ commit: record.commit, prepare: record.commit });
      }
      at += records.length;
      const [first] = records;
      if (records.length < WINDOW || first === undefined) break;
      if (page % MULTIPLIER !== 0) continue;
      const match = records.findLast(isSent);
      const { commit } = match ?? first;
      send(checkpointOf({ commit, prepare: match === undefined ? 0n : commit }));
      lastSent = undefined;
    }
    if (lastSent !== undefined) send(lastSent);
    const isMute =
      !isOld && place === undefined && lastSent?.equals(checkpointOf(noPlace)) === true;
    send(field(8));
    for (let considered = 0; !call.cancelled && left > 0;) {
      for (; at < this.records.length; at += 1) {
        const record = this.records[at];
        if (record === undefined) break;
        if (isSent(record)) send(eventOf(record));
        considered += 1;
        const { commit } = record;
        if (!isMute && considered % (WINDOW * MULTIPLIER) === 0)
          send(checkpointOf({ commit, prepare: commit }));
      }
      await this.#changed(call);
    }
  }

  /** The index of the first record that a subscription looks at. */
  #firstToSend(place: Place | undefined): number {
    if (place === undefined) return 0;
    if (place.commit > (this.records.at(-1)?.commit ?? 0n)) return this.records.length;
    if (this.#version !== '23.10') {
      const index = this.records.findIndex((record) => compare(record, place) > 0);
      return index === -1 ? this.records.length : index;
    }
    // 23.10 reads one visible event at or after the place, and goes on after it.
    const first = this.#visible().find((record) => compare(record, place) >= 0);
    return first === undefined ? this.records.length : this.records.indexOf(first) + 1;
  }

  #isNoRecord({ commit }: Place): boolean {
    const last = this.records.at(-1);
    if (last === undefined || commit > last.commit) return false;
    return !this.records.some((record) => record.commit === commit);
  }

  #fail(call: Call, code: status, details: string): void {
    call.emit('error', Object.assign(new Error(details), { code, details }));
  }

  async #changed(call: Call): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        this.#wakes.delete(wake);
        resolve();
      };
      this.#wakes.add(wake);
      call.once('cancelled', wake);
      call.once('error', wake);
    });
  }
}

const noPlace: Place = { commit: UNKNOWN_PLACE, prepare: UNKNOWN_PLACE };

function compare({ commit }: LogRecord, place: Place): number {
  if (commit !== place.commit) return commit < place.commit ? -1 : 1;
  return commit === place.prepare ? 0 : 1;
}

function checkpointOf({ commit, prepare }: Place): Buffer {
  return field(3, numberField(1, commit), numberField(2, prepare));
}

function eventOf({ id, stream, revision, commit }: LogRecord): Buffer {
  const entry = (key: string, value: string): Buffer => field(6, field(1, key), field(2, value));
  const recorded = field(
    1,
    field(1, field(2, id)),
    field(2, field(3, stream)),
    numberField(3, revision),
    numberField(4, commit),
    numberField(5, commit),
    entry('type', 'T'),
    entry('content-type', 'application/json'),
    field(7, '{}'),
    field(8, '{}'),
  );
  return field(1, recorded, numberField(3, commit));
}
