// The port to a host's own store of requests to raise.
import type { RejectionOf } from '../../domain/core/input.ts';
import type { RaiseInput } from '../../domain/trigger/commands.ts';
import type { RaiseResult } from '../raise/raise-result.ts';

/** A pending request in the host's store. */
export type PendingRaise = {
  /** Names the row permanently: no other row gets this key, even after the row is deleted. */
  readonly key: string;
  /** As the host wrote it. Without `requestedAt`, the time of the raise counts. */
  readonly input: RaiseInput;
};

/** The final result of a request; `conflict` and `unknown` are tried again. */
export type SettledRaise = {
  readonly key: string;
  readonly result:
    | Exclude<RaiseResult, { readonly outcome: 'conflict' | 'unknown' }>
    /** Its evaluator threw for too long. */
    | ({ readonly outcome: 'rejected' } & RejectionOf<'evaluation_failed'>);
};

/**
 * Where a host keeps its requests: two functions over a table of its own. Each gets a signal that is raised when the relay
 * does not wait any more.
 */
export type RaiseSource = {
  /** Permanent, and unique among the sources of a kernel: `[A-Za-z0-9._-]{1,64}`. */
  readonly name: string;
  /** The first `limit` requests that are not settled, in the order of writing. */
  pending(
    limit: number,
    signal: AbortSignal,
  ): Promise<readonly PendingRaise[]> | readonly PendingRaise[];
  /** Stores the results and removes their rows from `pending`, in one transaction. The first result of a row counts. */
  settled(results: readonly SettledRaise[], signal: AbortSignal): Promise<void> | void;
};
