// Which requests are muted after a number of decisions: a mute has suppressed them, and no operator has released them.
import { comparePositions } from '../../domain/core/positions.ts';
import type { MutedRequest, ReleasedRequest } from '../read-model.ts';

/** The decisions of one page. */
export class MutedRequests {
  readonly #muted: MutedRequest[] = [];
  readonly #released: ReleasedRequest[] = [];
  readonly #prior: ReadonlyMap<string, MutedRequest>;

  constructor(prior: ReadonlyMap<string, MutedRequest>) {
    this.#prior = prior;
  }

  mute(row: MutedRequest): void {
    this.#muted.push(row);
  }

  /** Takes a request out; `undefined` for a request that is not muted. */
  release(event: string): MutedRequest | undefined {
    const row = this.#muted.findLast((muted) => muted.event === event) ?? this.#prior.get(event);
    if (row === undefined || this.#released.some((released) => isOf(released, row)))
      return undefined;
    this.#released.push({ event, position: row.position });
    return row;
  }

  rows() {
    return { mutedRequests: this.#muted, releasedRequests: this.#released };
  }
}

/** Muted requests that a read model does not hold yet, and releases that it does not know yet. */
export class UncommittedMuted {
  readonly #muted = new Map<string, MutedRequest>();
  readonly #released = new Map<string, ReleasedRequest>();

  add({ mutedRequests, releasedRequests }: MutedRows): void {
    for (const row of mutedRequests) this.#muted.set(row.event, row);
    for (const released of releasedRequests) this.#released.set(released.event, released);
  }

  committed({ mutedRequests, releasedRequests }: MutedRows): void {
    for (const row of mutedRequests) {
      // A later version stays.
      if (this.#muted.get(row.event) === row) this.#muted.delete(row.event);
    }
    for (const released of releasedRequests) {
      if (this.#released.get(released.event) === released) this.#released.delete(released.event);
    }
  }

  /** The muted requests among `committed` rows and these. */
  over(
    events: readonly string[],
    committed: readonly MutedRequest[],
  ): ReadonlyMap<string, MutedRequest> {
    const rows = new Map(committed.map((row) => [row.event, row]));
    for (const event of events) {
      const row = this.#muted.get(event) ?? rows.get(event);
      const released = this.#released.get(event);
      if (row === undefined) continue;
      if (released !== undefined && isOf(released, row)) rows.delete(event);
      else rows.set(event, row);
    }
    return rows;
  }
}

type MutedRows = {
  readonly mutedRequests: readonly MutedRequest[];
  readonly releasedRequests: readonly ReleasedRequest[];
};

/** A request may be muted again, after a retry. */
function isOf(released: ReleasedRequest, row: MutedRequest): boolean {
  return released.event === row.event && comparePositions(released.position, row.position) === 0;
}
