// Answers about the server itself: the calls that it implements, and its address.
import { field, numberField } from '../wire/protobuf-writer.ts';

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
