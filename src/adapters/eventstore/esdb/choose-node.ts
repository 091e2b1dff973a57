// Chooses a node from what the members of a cluster say about each other. A leader that was cut off still names
// itself, so the majority of the answers decides.
import { endpointName, isSameEndpoint, type Endpoint } from './endpoint.ts';
import type { NodePreference } from './connection-string.ts';

/** A member as another one describes it; `state` is a number of the protocol's `VNodeState`. */
export type Member = {
  readonly endpoint: Endpoint;
  readonly state: number;
  readonly isAlive: boolean;
};

/** The answer of one node that was asked for the members. */
export type View = { readonly from: Endpoint; readonly members: readonly Member[] };

const UNKNOWN = 2;
const FOLLOWER = 6;
const LEADER = 8;
const READ_ONLY_LEADERLESS = 12;
const PRE_READ_ONLY_REPLICA = 13;
const READ_ONLY_REPLICA = 14;

/** Members in other states serve no clients. */
const USABLE = [FOLLOWER, LEADER, READ_ONLY_LEADERLESS, PRE_READ_ONLY_REPLICA, READ_ONLY_REPLICA];

/** For each preference the states that satisfy it, the best first; each is a group of equals. */
const STATES: Readonly<Record<NodePreference, readonly (readonly number[])[]>> = {
  leader: [[LEADER]],
  follower: [[FOLLOWER], USABLE],
  random: [USABLE],
  read_only_replica: [[READ_ONLY_REPLICA], [PRE_READ_ONLY_REPLICA, READ_ONLY_LEADERLESS], USABLE],
};

export type ChoiceOptions = {
  /** The node in use: it is kept where others are not better. */
  readonly current?: Endpoint | undefined;
  /** Nodes that are used only where there are no others. */
  readonly isAvoided?: (endpoint: Endpoint) => boolean;
  /** Members without an answer count against a candidate: more answers cannot change the choice then. */
  readonly isFinal?: boolean;
  /** A number from 0 up to, not including, 1. */
  readonly random?: () => number;
};

/**
 * The node to use: alive and in a wanted state in more than half of the views, and among those that answered;
 * `undefined` when there is none.
 */
export function chooseNode(
  views: readonly View[],
  preference: NodePreference,
  { current, isAvoided, isFinal = false, random = Math.random }: ChoiceOptions = {},
): Endpoint | undefined {
  const voters = votersOf(views);
  const all = membersOf(views);
  const electorate = isFinal ? Math.max(all.size, voters.length) : voters.length;
  const usable = [...all.values()].filter((endpoint) => answered(voters, endpoint, all));
  for (const endpoints of [usable.filter((one) => isAvoided?.(one) !== true), usable]) {
    for (const states of STATES[preference]) {
      const candidates = endpoints.filter(
        (endpoint) =>
          2 * voters.filter((view) => names(view, endpoint, states)).length > electorate,
      );
      const kept = candidates.find((one) => current !== undefined && isSameEndpoint(one, current));
      const chosen = kept ?? candidates[Math.floor(random() * candidates.length)];
      if (chosen !== undefined) return chosen;
    }
  }
  return undefined;
}

/** The node that more than half of the views name as the leader, also when it has not answered. */
export function leaderNamed(views: readonly View[]): Endpoint | undefined {
  const voters = votersOf(views);
  return [...membersOf(views).values()].find(
    (endpoint) =>
      2 * voters.filter((view) => names(view, endpoint, [LEADER])).length > voters.length,
  );
}

/**
 * What a node tells about the members, with the leader that it follows itself: it knows it from the election, and gossip
 * brings it seconds later.
 */
export function withLeader(
  members: readonly Member[],
  leader: Endpoint | undefined,
): readonly Member[] {
  const leads = ({ endpoint }: Member): boolean =>
    leader !== undefined && isSameEndpoint(endpoint, leader);
  if (!members.some(leads)) return members;
  return members.map((member) => {
    if (leads(member)) return { ...member, state: LEADER, isAlive: true };
    return member.state === LEADER ? { ...member, state: UNKNOWN } : member;
  });
}

/** The node that one view names as the alive leader. */
export function leaderIn({ members }: View): Endpoint | undefined {
  return members.find(({ state, isAlive }) => isAlive && state === LEADER)?.endpoint;
}

/** Whether a member other than `host` has answered under its own name, so that this machine reaches the members. */
export function reachesMembers(views: readonly View[], host: Endpoint): boolean {
  const members = membersOf(views);
  return views.some(({ from }) => members.has(endpointName(from)) && !isSameEndpoint(from, host));
}

/** Every member that a view names, dead ones too, by name. */
export function membersOf(views: readonly View[]): ReadonlyMap<string, Endpoint> {
  const members = views.flatMap((view) => view.members.map(({ endpoint }) => endpoint));
  return new Map(members.map((endpoint) => [endpointName(endpoint), endpoint]));
}

/**
 * One view of each member. Hosts of the connection string may be other names of members: their views count only
 * where no member answered under its own name.
 */
function votersOf(views: readonly View[]): readonly View[] {
  const members = membersOf(views);
  const own = views.filter(({ from }) => members.has(endpointName(from)));
  return own.length > 0 ? own : views;
}

function names({ members }: View, endpoint: Endpoint, states: readonly number[]): boolean {
  return members.some(
    (member) =>
      member.isAlive && states.includes(member.state) && isSameEndpoint(member.endpoint, endpoint),
  );
}

/** A frozen leader is named by the others until they elect another one, but does not answer. */
function answered(
  voters: readonly View[],
  endpoint: Endpoint,
  members: ReadonlyMap<string, Endpoint>,
): boolean {
  const ownNames = voters.some(({ from }) => members.has(endpointName(from)));
  return !ownNames || voters.some(({ from }) => isSameEndpoint(from, endpoint));
}
