// The links of a store to the nodes of its cluster: one to the leader, for everything that decides, and one to the
// node that `nodePreference` wants, for reads of the log. While links to a cluster exist, its members are asked every
// few seconds, and a link to a node that is no longer the right one is closed. Loading this file loads the client's
// service definitions, and gRPC with them.
import { randomUUID } from 'node:crypto';
import type { OutgoingHttpHeaders } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../../domain/ports/logger.ts';
import { unlessAborted } from '../../../domain/core/signals.ts';
import { storeClosed } from '../common/reading.ts';
import { CallError, STATUS } from './call-error.ts';
import { chooseNode, membersOf, type View } from './choose-node.ts';
import type { NodePreference } from './connection-string.ts';
import { dial, type TlsFiles } from './dial.ts';
import { endpointName, isSameEndpoint, type Endpoint } from './endpoint.ts';
import { isNotReady, leaderNamedBy, nodeUnreachable, noNodeFound } from './failures.ts';
import { askAll, type Round } from './gossip.ts';
import { Link, type LinkOptions } from './link.ts';
import { streamRead } from './requests.ts';

/** Appends and reads that decide go to the leader; the others where `nodePreference` wants. */
export type Role = 'leader' | 'preferred';

export type ConnectionSettings = {
  readonly hosts: readonly [Endpoint, ...Endpoint[]];
  /** Ask the hosts for the members of the cluster, and connect to those. */
  readonly discover: boolean;
  readonly nodePreference: NodePreference;
  readonly maxDiscoverAttempts: number;
  /** In milliseconds, as the next ones. */
  readonly discoveryInterval: number;
  readonly gossipTimeout: number;
  readonly keepAliveInterval: number;
  readonly keepAliveTimeout: number;
  readonly connectionName: string | undefined;
  readonly tls: TlsFiles | undefined;
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
};

/** TCP, TLS and HTTP/2 together; a node that needs longer counts as frozen. */
const DIAL_MS = 5_000;

/** How often the members are asked while they agree on the nodes in use, and while they do not. */
const WATCH_MS = 3_000;
const WATCH_CLOSELY_MS = 500;

/** While members disagree, the silent ones are waited for this long after most have answered. */
const STRAGGLERS_MS = 300;

/** Failures come in bursts; the members are not asked more often than this. */
const RECHECK_MS = 250;

/** How often a node may name another one as the leader until the search ends. */
const MAX_MOVES = 3;

/** Nothing of this name exists; the read only shows whether the node leads. */
const LEADER_CHECK = streamRead('tocsin.leader-check', 'forwards', 'start', 1);

export class Connection {
  readonly #settings: ConnectionSettings;
  readonly #linkOptions: LinkOptions;
  readonly #logger: Logger;
  readonly #closing = new AbortController();
  /** Links and dials by the name of their endpoint. */
  readonly #links = new Map<string, Promise<Link>>();
  /** The links in use, and searches for them. */
  readonly #roles = new Map<Role, { readonly found: Promise<Link>; link?: Link }>();
  #members: readonly Endpoint[] = [];
  #round: Promise<Round> | undefined;
  #watch: NodeJS.Timeout | undefined;
  #lastCheck = 0;
  #isSettled = true;

  constructor(settings: ConnectionSettings, logger: Logger) {
    this.#settings = settings;
    this.#logger = logger;
    this.#linkOptions = {
      headers: headersOf(settings),
      keepAliveInterval: settings.keepAliveInterval,
      keepAliveTimeout: settings.keepAliveTimeout,
      onFailure: (link, error) => {
        // It is the leader no more. With a single host nobody else tells.
        if (leaderNamedBy(error) !== undefined) link.close(error);
        this.check();
      },
    };
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
    const forget = (): void => {
      if (this.#roles.get(asked) === entry) this.#roles.delete(asked);
    };
    this.#roles.set(asked, entry);
    found.then((link) => {
      entry.link = link;
      if (link.retired.aborted) forget();
      link.retired.addEventListener('abort', forget, { once: true });
    }, forget);
    return found;
  }

  /** Something is wrong with a node: ask the members of the cluster now. */
  check(): void {
    const wait = this.#lastCheck + RECHECK_MS - performance.now();
    if (!this.#settings.discover || wait > 0 || this.#closing.signal.aborted) return;
    this.#lastCheck = performance.now();
    void this.#compare();
  }

  /** Ends all calls, dials and connections. */
  close(): void {
    const reason = storeClosed();
    this.#closing.abort(reason);
    clearTimeout(this.#watch);
    for (const link of this.#links.values()) {
      link.then(
        (open) => {
          open.close(reason);
        },
        () => undefined,
      );
    }
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
      const link = await (this.#settings.discover ? this.#discover(role) : this.#follow(role));
      if (role === 'leader') link.requireLeader();
      return link;
    } finally {
      clearInterval(hold);
    }
  }

  /** One host: it, or the leader that it names. */
  async #follow(role: Role): Promise<Link> {
    let [endpoint] = this.#settings.hosts;
    for (let moves = 0; ; moves += 1) {
      const link = await this.#linkTo(endpoint);
      if (role === 'preferred') return link;
      const [leader, isAlone] = await Promise.all([this.#leaderBy(link), this.#isAlone(link)]);
      link.isAlone = isAlone;
      if (leader === undefined) return link;
      if (moves === MAX_MOVES) {
        throw noNodeFound('leader', `${endpointName(endpoint)} names ${endpointName(leader)}`);
      }
      endpoint = leader;
    }
  }

  /** The leader that a node names when it is asked for something that only the leader may answer. */
  async #leaderBy(link: Link): Promise<Endpoint | undefined> {
    try {
      await link.askLeader(LEADER_CHECK, DIAL_MS);
      return undefined;
    } catch (error) {
      const leader = leaderNamedBy(error);
      if (leader === undefined && isNotReady(error)) throw nodeUnreachable(link.endpoint, error);
      // Other refusals, such as of the credentials, are for the caller's own call to meet.
      return leader;
    }
  }

  async #isAlone(link: Link): Promise<boolean> {
    try {
      return (await link.gossip(this.#settings.gossipTimeout)).length === 1;
    } catch {
      // Not every server tells everybody.
      return false;
    }
  }

  async #discover(role: Role): Promise<Link> {
    const { maxDiscoverAttempts, discoveryInterval } = this.#settings;
    for (let attempt = 1; ; attempt += 1) {
      const { views, summary } = await this.#look();
      const chosen = chooseNode(views, this.#preferenceOf(role));
      let failure: Error | undefined;
      if (chosen !== undefined) {
        try {
          const link = await this.#linkTo(chosen);
          link.isAlone = membersOf(views).size === 1;
          this.#compareIn(WATCH_MS);
          return link;
        } catch (error) {
          failure = error instanceof Error ? error : noNodeFound(role, String(error));
        }
      }
      this.#closing.signal.throwIfAborted();
      if (attempt >= maxDiscoverAttempts) throw failure ?? noNodeFound(role, summary);
      await sleep(discoveryInterval);
    }
  }

  #compareIn(ms: number): void {
    clearTimeout(this.#watch);
    if (this.#closing.signal.aborted) return;
    this.#watch = setTimeout(() => void this.#compare(), ms).unref();
  }

  /** Closes links whose node is no longer the right one. Goes on while links are in use. */
  async #compare(): Promise<void> {
    const { views } = await this.#look();
    let isSettled = true;
    for (const [role, { link }] of this.#roles) {
      if (link === undefined) continue;
      const current = link.endpoint;
      const chosen = chooseNode(views, this.#preferenceOf(role), { current });
      if (chosen === undefined) isSettled = false;
      if (chosen === undefined || isSameEndpoint(chosen, current)) continue;
      const [from, to] = [endpointName(current), endpointName(chosen)];
      this.#logger.warn({ from, to }, 'another node of the event store is to be used');
      link.close(new CallError(STATUS.unavailable, `${from} is left for ${to}`));
    }
    this.#isSettled = isSettled;
    if (this.#roles.size > 0) this.#compareIn(isSettled ? WATCH_MS : WATCH_CLOSELY_MS);
  }

  /** Never rejects. */
  #look(): Promise<Round> {
    this.#round ??= this.#ask().finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  async #ask(): Promise<Round> {
    const { hosts, gossipTimeout } = this.#settings;
    const preferences = new Set<NodePreference>(['leader', this.#settings.nodePreference]);
    const suffices = (views: readonly View[]): boolean =>
      [...preferences].every((one) => chooseNode(views, one, { isFinal: true }) !== undefined);
    const nodes = new Map([...hosts, ...this.#members].map((node) => [endpointName(node), node]));
    const round = await askAll(
      [...nodes.values()],
      async (endpoint) => {
        const link = await this.#dialed(endpoint, gossipTimeout);
        return link.gossip(gossipTimeout);
      },
      suffices,
      this.#isSettled ? gossipTimeout : STRAGGLERS_MS,
    );
    const members = [...membersOf(round.views).values()];
    if (members.length > 0) this.#members = members;
    return round;
  }

  /** A link within a time: a dial that takes longer goes on. */
  #dialed(endpoint: Endpoint, ms: number): Promise<Link> {
    return unlessAborted(this.#linkTo(endpoint), AbortSignal.timeout(ms), () => {
      throw new CallError(STATUS.deadlineExceeded, `no connection within ${ms} ms`);
    });
  }

  #linkTo(endpoint: Endpoint): Promise<Link> {
    const name = endpointName(endpoint);
    const known = this.#links.get(name);
    if (known !== undefined) return known;
    const dialed = this.#dial(endpoint);
    const forget = (): void => {
      if (this.#links.get(name) === dialed) this.#links.delete(name);
    };
    this.#links.set(name, dialed);
    dialed.then((link) => {
      if (link.retired.aborted) forget();
      link.retired.addEventListener('abort', forget, { once: true });
    }, forget);
    return dialed;
  }

  async #dial(endpoint: Endpoint): Promise<Link> {
    const slow = new AbortController();
    const timer = setTimeout(() => {
      slow.abort(new Error(`no connection within ${DIAL_MS} ms`));
    }, DIAL_MS);
    timer.unref();
    const signal = AbortSignal.any([slow.signal, this.#closing.signal]);
    try {
      return new Link(
        endpoint,
        await dial(endpoint, this.#settings.tls, signal),
        this.#linkOptions,
      );
    } catch (error) {
      this.#closing.signal.throwIfAborted();
      throw nodeUnreachable(endpoint, error);
    } finally {
      clearTimeout(timer);
    }
  }
}

function headersOf({ connectionName, tls, credentials }: ConnectionSettings): OutgoingHttpHeaders {
  const name = connectionName ?? randomUUID();
  const headers = {
    'user-agent': 'tocsin',
    // HTTP headers are ASCII.
    'connection-name': name.replace(/[^\x20-\x7e]/gu, encodeURIComponent),
  };
  if (tls === undefined || credentials === undefined) return headers;
  const { username, password } = credentials;
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  return { ...headers, authorization };
}
