// Notices a follower that is only behind: it answers, but delivers events late. Gossip of 23.10 and 24.6 has no
// positions, so the ends of both logs are compared.
import { comparePositions, type Position } from '../../../domain/core/positions.ts';
import { endpointName } from './endpoint.ts';
import type { Link } from './link.ts';

/** A follower in order has an event within milliseconds. */
const LAG_MS = 5_000;

/** The end of the leader's log at an earlier moment, in milliseconds. */
type Mark = { readonly nodes: string; readonly head: Position; readonly since: number };

export class Lag {
  #mark: Mark | undefined;

  /**
   * To be called every few seconds.
   *
   * @returns true when the follower lacks an event that the leader has had for some seconds
   * @throws CallError when one of them gives no answer
   */
  async isBehind(leader: Link, follower: Link, timeoutMs: number): Promise<boolean> {
    const nodes = [leader, follower].map(({ endpoint }) => endpointName(endpoint)).join(' ');
    const mark = this.#mark?.nodes === nodes ? this.#mark : undefined;
    const head = await follower.head(timeoutMs);
    const since = performance.now();
    if (mark !== undefined && (head === undefined || comparePositions(head, mark.head) < 0)) {
      return since - mark.since >= LAG_MS;
    }
    const end = await leader.head(timeoutMs);
    this.#mark = end && { nodes, head: end, since };
    return false;
  }
}
