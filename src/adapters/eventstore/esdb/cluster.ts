// What the members of a cluster know about each other, asked through links to all of them.
import { unlessAborted } from '../../../domain/core/signals.ts';
import { CallError, STATUS } from './call-error.ts';
import { chooseNode, membersOf, withLeader, type Member, type View } from './choose-node.ts';
import { endpointName, isSameEndpoint, type Endpoint } from './endpoint.ts';
import { leaderNamedBy } from './failures.ts';
import { askAll, type Round } from './gossip.ts';
import type { Link } from './link.ts';
import type { Links } from './links.ts';
import { LEADER_CHECK } from './requests.ts';
import { seedsOf, type Lookup } from './seeds.ts';
import type { StoreSettings } from './settings.ts';

/** While members disagree, the silent ones are waited for this long after most have answered. */
const STRAGGLERS_MS = 300;

export class Cluster {
  readonly #settings: StoreSettings;
  readonly #links: Links;
  /** Learnt from the answers, beside the hosts of the connection string. */
  #members: readonly Endpoint[] = [];
  /** The hosts of the connection string, each address of a name for itself. */
  #seeds: readonly Endpoint[];
  #round: Promise<Round> | undefined;
  readonly #lookUp: Lookup;
  readonly #inUse: () => readonly Endpoint[];

  /** @param inUse the nodes in use: a round does not end before they have had the time to answer */
  constructor(
    settings: StoreSettings,
    links: Links,
    lookUp: Lookup,
    inUse: () => readonly Endpoint[],
  ) {
    this.#settings = settings;
    this.#links = links;
    this.#seeds = settings.hosts;
    this.#lookUp = lookUp;
    this.#inUse = inUse;
  }

  /**
   * Asks all members; a round that is under way serves all that ask meanwhile. Never rejects.
   *
   * @param isHurried true does not wait long for silent members, and asks each for the leader that it follows, too
   */
  look(isHurried: boolean): Promise<Round> {
    this.#round ??= this.#ask(isHurried).finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  async #ask(isHurried: boolean): Promise<Round> {
    const { hosts, gossipTimeout, nodePreference } = this.#settings;
    const inUse = this.#inUse();
    // Without the answer of a node in use another one would be chosen, only because it was quicker.
    const suffices = (views: readonly View[]): boolean =>
      inUse.every((node) => views.some(({ from }) => isSameEndpoint(from, node))) &&
      ['leader' as const, nodePreference].every(
        (preference) => chooseNode(views, preference, { isFinal: true }) !== undefined,
      );
    const knowsNone = this.#members.length === 0;
    if (knowsNone || isHurried) {
      const resolving = seedsOf(hosts, this.#lookUp, gossipTimeout).then(
        (seeds) => (this.#seeds = seeds),
      );
      // Members that are known need no name server; what it says is for the next round.
      if (knowsNone) await resolving;
    }
    const known = [...this.#seeds, ...this.#members];
    const nodes = new Map(known.map((node) => [endpointName(node), node]));
    const round = await askAll(
      [...nodes.values()],
      (endpoint) => this.#viewOf(endpoint, gossipTimeout, isHurried),
      suffices,
      isHurried ? STRAGGLERS_MS : gossipTimeout,
    );
    const members = [...membersOf(round.views).values()];
    if (members.length > 0) this.#members = members;
    return round;
  }

  /** What a node tells about the members. @throws CallError */
  async #viewOf(endpoint: Endpoint, ms: number, asksLeader: boolean): Promise<readonly Member[]> {
    const link = await this.#link(endpoint, ms);
    const [members, leader] = await Promise.all([
      link.gossip(ms),
      asksLeader
        ? link.askLeader(LEADER_CHECK, ms).then(() => undefined, leaderNamedBy)
        : undefined,
    ]);
    return withLeader(members, leader);
  }

  /** A link within a time: a dial that takes longer goes on. */
  #link(endpoint: Endpoint, ms: number): Promise<Link> {
    return unlessAborted(this.#links.to(endpoint), AbortSignal.timeout(ms), () => {
      throw new CallError(STATUS.deadlineExceeded, `no connection within ${ms} ms`);
    });
  }
}
