// The links of a store to the nodes of its cluster: one link to the leader, for everything that decides, and one
// link to the node that `nodePreference` wants, for reads of the log. While links to a cluster exist, its members
// are asked every few seconds, and a link to a node that is no longer the right node is closed. A single host names
// the other members. If their addresses cannot be reached from here, the host is used alone.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../../domain/ports/logger.ts';
import { storeClosed } from '../common/reading.ts';
import { CallError, STATUS } from './call-error.ts';
import {
  chooseNode,
  leaderIn,
  leaderNamed,
  membersOf,
  reachesMembers,
  type Member,
  type View,
} from './choose-node.ts';
import type { ServiceDefinitions } from './client.ts';
import { Cluster } from './cluster.ts';
import type { NodePreference } from './connection-string.ts';
import { endpointName, isSameEndpoint, type Endpoint } from './endpoint.ts';
import {
  isNotReady,
  leaderNamedBy,
  leaderUnreachable,
  nodeUnreachable,
  noNodeFound,
} from './failures.ts';
import { Lag } from './lag.ts';
import type { Link } from './link.ts';
import { Links, whileUsable } from './links.ts';
import { LEADER_CHECK } from './requests.ts';
import { lookupAll, type Lookup } from './seeds.ts';
import { serverVersion } from './server-version.ts';
import type { StoreSettings } from './settings.ts';

/** Appends and reads that decide go to the leader; the others where `nodePreference` wants. */
export type Role = 'leader' | 'preferred';

/** The nodes that a connection uses. */
export type NodeDescription = {
  /** As the server names it; `undefined` for servers that do not. */
  readonly version: string | undefined;
  /** The node that the log is read from. */
  readonly node: string;
  readonly leader: string;
  /** How many nodes the cluster has, where the node tells. */
  readonly members: number | undefined;
};

/** How often the members are asked while they agree on the nodes in use, and while they do not. */
const WATCH_MS = 3_000;
const WATCH_CLOSELY_MS = 500;

/** How often a single host is asked whether its members can be reached from here. */
const LOOK_MS = 60_000;

/** How long a follower that was behind is not used again. */
const AVOID_MS = 60_000;

/** Failures come in bursts; the members are not asked more often than this. */
const RECHECK_MS = 250;

/** How often a node may name another one as the leader until the search ends. */
const MAX_MOVES = 3;

export class Connection {
  readonly #settings: StoreSettings;
  readonly #logger: Logger;
  readonly #links: Links;
  readonly #cluster: Cluster;
  readonly #lag = new Lag();
  /** Until when followers are not used, by name. */
  readonly #avoided = new Map<string, number>();
  /** The links in use, and searches for them. */
  readonly #roles = new Map<Role, { readonly found: Promise<Link>; link?: Link }>();
  #watch: NodeJS.Timeout | undefined;
  #lastCheck = 0;
  /** True once the members themselves are asked; a single host's may have addresses that only its own network knows. */
  #discovers: boolean;
  /** False while members disagree about the nodes in use. */
  #isSettled = true;
  #closed: Error | undefined;

  /** @param lookUp finds the addresses of a name */
  constructor(
    settings: StoreSettings,
    definitions: ServiceDefinitions,
    logger: Logger,
    lookUp: Lookup = lookupAll,
  ) {
    this.#settings = settings;
    this.#logger = logger;
    this.#discovers = settings.discover;
    this.#links = new Links(settings, definitions, (link, error) => {
      // It is the leader no more. With a single host nobody else tells.
      if (leaderNamedBy(error) !== undefined) link.close(error);
      this.check();
    });
    this.#cluster = new Cluster(settings, this.#links, lookUp, () =>
      [...this.#roles.values()].flatMap(({ link }) => (link === undefined ? [] : [link.endpoint])),
    );
  }

  /**
   * The link in use for the role, or a new one.
   *
   * @throws TocsinError `unavailable` with what each node answered
   */
  link(role: Role): Promise<Link> {
    const asked = this.#roleOf(role);
    const inUse = this.#roles.get(asked);
    if (inUse !== undefined) return inUse.found;
    const found = this.#find(asked);
    const entry: { readonly found: Promise<Link>; link?: Link } = { found };
    this.#roles.set(asked, entry);
    found.then(
      (link) => (entry.link = link),
      () => undefined,
    );
    whileUsable(found, () => {
      if (this.#roles.get(asked) === entry) this.#roles.delete(asked);
    });
    return found;
  }

  /** What `doctor` shows of the nodes in use. @throws TocsinError `unavailable` */
  async describe(): Promise<NodeDescription> {
    const [leader, preferred] = [await this.link('leader'), await this.link('preferred')];
    const { gossipTimeout } = this.#settings;
    const [version, members] = await Promise.all([
      serverVersion(preferred, gossipTimeout),
      // Not every server tells everybody.
      preferred.gossip(gossipTimeout).catch(() => undefined),
    ]);
    const [node, leads] = [preferred, leader].map(({ endpoint }) => endpointName(endpoint));
    return { version, node: String(node), leader: String(leads), members: members?.length };
  }

  /** Something is wrong with a node: ask the members of the cluster now. */
  check(): void {
    const wait = this.#lastCheck + RECHECK_MS - performance.now();
    if (!this.#discovers || wait > 0 || this.#closed !== undefined) return;
    this.#lastCheck = performance.now();
    void this.#compare(true);
  }

  /** Ends all calls, dials and connections. */
  close(): void {
    clearTimeout(this.#watch);
    this.#closed = storeClosed();
    this.#links.close(this.#closed);
  }

  #roleOf(role: Role): Role {
    return this.#settings.nodePreference === 'leader' ? 'leader' : role;
  }

  #preferenceOf(role: Role): NodePreference {
    return role === 'leader' ? 'leader' : this.#settings.nodePreference;
  }

  async #find(role: Role): Promise<Link> {
    // Dials and questions do not keep the process alive; a caller that waits for them does.
    const hold = setInterval(() => undefined, 60_000);
    try {
      const link = await this.#search(role);
      if (role === 'leader') link.requireLeader();
      return link;
    } finally {
      clearInterval(hold);
    }
  }

  async #search(role: Role): Promise<Link> {
    if (!this.#discovers) return this.#follow(role);
    try {
      return await this.#discover(role);
    } catch (error) {
      if (this.#settings.discover) throw error;
      // The single host may be reached where the leader's own address is not.
      return await this.#follow(role).catch(() => {
        throw error;
      });
    }
  }

  /** One host: it, or the leader that it names. */
  async #follow(role: Role): Promise<Link> {
    let [endpoint] = this.#settings.hosts;
    let namedBy: Endpoint | undefined;
    for (let moves = 0; ; moves += 1) {
      const link = await this.#links.to(endpoint).catch((error: unknown) => {
        if (namedBy === undefined || !(error instanceof Error)) throw error;
        throw leaderUnreachable(`${endpointName(namedBy)} names`, endpoint, error);
      });
      const [leader, members] = await Promise.all([
        role === 'preferred' ? undefined : this.#leaderBy(link),
        this.#membersBy(link),
      ]);
      link.isAlone = members.length === 1;
      if (members.length > 1) this.#compareIn(WATCH_CLOSELY_MS);
      if (leader === undefined) {
        if (role === 'leader') link.knownAs = leaderIn({ from: endpoint, members });
        return link;
      }
      if (moves === MAX_MOVES) {
        throw noNodeFound('leader', `${endpointName(endpoint)} names ${endpointName(leader)}`);
      }
      [namedBy, endpoint] = [endpoint, leader];
    }
  }

  /** The leader that a node names when it is asked for something that only the leader may answer. */
  async #leaderBy(link: Link): Promise<Endpoint | undefined> {
    try {
      await link.askLeader(LEADER_CHECK, this.#settings.gossipTimeout);
      return undefined;
    } catch (error) {
      const leader = leaderNamedBy(error);
      if (leader === undefined && isNotReady(error)) throw nodeUnreachable(link.endpoint, error);
      // Other refusals, such as of the credentials, are for the caller's own call to meet.
      return leader;
    }
  }

  /** What a node tells about its cluster; nothing where it does not tell everybody. */
  async #membersBy(link: Link): Promise<readonly Member[]> {
    try {
      return await link.gossip(this.#settings.gossipTimeout);
    } catch {
      return [];
    }
  }

  async #discover(role: Role): Promise<Link> {
    const { maxDiscoverAttempts, discoveryInterval } = this.#settings;
    for (let attempt = 1; ; attempt += 1) {
      const { views, summary } = await this.#cluster.look(attempt > 1 || !this.#isSettled);
      const chosen = this.#choose(views, role);
      let failure: Error | undefined;
      if (chosen !== undefined) {
        try {
          const link = await this.#links.to(chosen);
          link.isAlone = membersOf(views).size === 1;
          this.#compareIn(WATCH_MS);
          return link;
        } catch (error) {
          failure = error instanceof Error ? error : noNodeFound(role, String(error));
        }
      }
      if (this.#closed !== undefined) throw this.#closed;
      if (attempt >= maxDiscoverAttempts) {
        const leader = leaderNamed(views);
        if (failure !== undefined || leader === undefined)
          throw failure ?? noNodeFound(role, summary);
        throw leaderUnreachable('the nodes name', leader, new Error(`(${summary})`));
      }
      await sleep(discoveryInterval);
    }
  }

  #choose(views: readonly View[], role: Role, current?: Endpoint): Endpoint | undefined {
    const preference = this.#preferenceOf(role);
    const now = performance.now();
    const isAvoided = (endpoint: Endpoint): boolean =>
      role === 'preferred' && (this.#avoided.get(endpointName(endpoint)) ?? 0) > now;
    return chooseNode(views, preference, { current, isAvoided });
  }

  /** A follower that is behind for some seconds is left for a while. */
  async #avoidLagging(): Promise<void> {
    const follower = this.#roles.get('preferred')?.link;
    if (follower === undefined) return;
    const leader = this.#roles.get('leader')?.link;
    if (leader === undefined) {
      // For the next comparison; that there is no leader is for the calls that need one.
      this.link('leader').catch(() => undefined);
      return;
    }
    if (leader === follower) return;
    try {
      if (!(await this.#lag.isBehind(leader, follower, this.#settings.gossipTimeout))) return;
    } catch {
      // One of them is away, which the members tell.
      return;
    }
    this.#avoided.set(endpointName(follower.endpoint), performance.now() + AVOID_MS);
  }

  #compareIn(ms: number): void {
    clearTimeout(this.#watch);
    if (this.#closed !== undefined) return;
    this.#watch = setTimeout(() => void this.#compare(), ms).unref();
  }

  /** Closes links whose node is no longer the right one. Goes on while links are in use. */
  async #compare(isHurried = !this.#isSettled): Promise<void> {
    const { views } = await this.#cluster.look(isHurried);
    this.#discovers ||= reachesMembers(views, this.#settings.hosts[0]);
    if (!this.#discovers) {
      if (this.#roles.size > 0) this.#compareIn(LOOK_MS);
      return;
    }
    await this.#avoidLagging();
    let isSettled = true;
    for (const [role, { link }] of this.#roles) {
      if (link === undefined) continue;
      const current = link.knownAs ?? link.endpoint;
      const chosen = this.#choose(views, role, current);
      if (chosen !== undefined && isSameEndpoint(chosen, current)) continue;
      isSettled = false;
      if (chosen === undefined) continue;
      const [from, to] = [endpointName(current), endpointName(chosen)];
      this.#logger.warn({ from, to }, 'another node of the event store is to be used');
      link.close(new CallError(STATUS.unavailable, `${from} is left for ${to}`));
    }
    this.#isSettled = isSettled;
    if (this.#roles.size > 0) this.#compareIn(isSettled ? WATCH_MS : WATCH_CLOSELY_MS);
  }
}
