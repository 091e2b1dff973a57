// What clients ask about the server itself: which calls it knows, and where it can be reached.
import gossip from '@eventstore/db-client/generated/gossip_pb.js';
import features from '@eventstore/db-client/generated/serverfeatures_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';

/** The version whose behaviour this is; clients read three numbers. */
const SERVER_VERSION = '24.10.5';

const STREAMS = 'event_store.client.streams.streams';

/** Official clients append in batches only where this lists it, names in lower case. */
const METHODS: readonly (readonly [method: string, features: string[]])[] = [
  ['read', ['position', 'events']],
  ['append', []],
  ['batchappend', ['deadline_duration']],
  ['tombstone', []],
];

export function supportedMethods(): InstanceType<typeof features.SupportedMethods> {
  const answer = new features.SupportedMethods();
  answer.setEventStoreServerVersion(SERVER_VERSION);
  for (const [name, list] of METHODS) {
    const method = new features.SupportedMethod();
    method.setMethodName(name);
    method.setServiceName(STREAMS);
    method.setFeaturesList(list);
    answer.addMethods(method);
  }
  return answer;
}

/** A cluster of one, which leads itself. */
export function clusterOfOne(
  instanceId: string,
  address: string,
  port: number,
): InstanceType<typeof gossip.ClusterInfo> {
  const id = new shared.UUID();
  id.setString(instanceId);
  const endPoint = new gossip.EndPoint();
  endPoint.setAddress(address);
  endPoint.setPort(port);
  const member = new gossip.MemberInfo();
  member.setInstanceId(id);
  member.setTimeStamp(String(BigInt(Date.now()) * 10_000n));
  member.setState(gossip.MemberInfo.VNodeState.LEADER);
  member.setIsAlive(true);
  member.setHttpEndPoint(endPoint);
  const info = new gossip.ClusterInfo();
  info.addMembers(member);
  return info;
}
