// The port to a host's own store of requests to raise.
import type { RaiseInput } from '../../domain/trigger/commands.ts';
import type { RaiseResult } from '../raise/raise-result.ts';

/** A request that waits in the host's store. */
export type PendingRaise = {
  /** Names the row in its source for ever: no other row gets it, even when this one is deleted. */
  readonly key: string;
  /** As it was written. Give `requestedAt`, or it counts as made when it is carried over. */
  readonly input: RaiseInput;
};

/** What became of a request for good; `conflict` and `unknown` are tried again. */
export type SettledRaise = {
  readonly key: string;
  readonly result: Exclude<RaiseResult, { readonly outcome: 'conflict' | 'unknown' }>;
};

/** Where a host keeps its requests: two functions over a table of its own. */
export type RaiseSource = {
  /** Tells this source from others of the same kernel, for ever: `[A-Za-z0-9._-]{1,64}`. */
  readonly name: string;
  /** The first `limit` requests that are not settled, in the order in which they were written. */
  pending(limit: number): Promise<readonly PendingRaise[]> | readonly PendingRaise[];
  /**
   * Keeps the results and takes their rows out of `pending`, in one transaction. A row may be settled
   * already, where two relays run: the first result stands.
   */
  settled(results: readonly SettledRaise[]): Promise<void> | void;
};
