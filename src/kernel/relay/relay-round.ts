// One look at a host's pending requests: users side by side, each one's requests in their order.
import { TocsinError } from '../../domain/core/errors.ts';
import type { PendingRaise, SettledRaise } from './raise-source.ts';
import type { RaiseResult } from '../raise/raise-result.ts';

/** Users whose requests are raised at once; enough to fill group commits. */
const CONCURRENCY = 64;

/** Why a user's first pending request could not be raised now. */
export type Failure = {
  readonly key: string;
  readonly message: string;
  /** It is the store, not the request: others will fare no better. */
  readonly isOutage: boolean;
  readonly error?: unknown;
};

/** What one round did for one user. */
export type Lane = {
  readonly user: string;
  readonly settled: readonly SettledRaise[];
  /** Rows of this user that are still pending. */
  readonly left: number;
  readonly failure?: Failure;
};

export type RoundOptions = {
  readonly raise: (row: PendingRaise) => Promise<RaiseResult>;
  /** Users who are to be passed over in this round. */
  readonly isHeld: (user: string) => boolean;
  readonly signal: AbortSignal;
};

/**
 * Tries each request once; a user's later ones only after the earlier.
 *
 * @throws TocsinError when the kernel is closed
 */
export async function carryRound(
  rows: readonly PendingRaise[],
  options: RoundOptions,
): Promise<readonly Lane[]> {
  const queue = [...Map.groupBy(rows, userOf)];
  const lanes: Lane[] = [];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [user, requests] = next;
      const isHeld = options.isHeld(user);
      lanes.push(
        isHeld
          ? { user, settled: [], left: requests.length }
          : await carry(user, requests, options),
      );
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  return lanes;
}

async function carry(
  user: string,
  rows: readonly PendingRaise[],
  { raise, signal }: RoundOptions,
): Promise<Lane> {
  const settled: SettledRaise[] = [];
  for (const row of rows) {
    if (signal.aborted) break;
    const { key } = row;
    const left = rows.length - settled.length;
    try {
      const result = await raise(row);
      if (result.outcome === 'conflict' || result.outcome === 'unknown') {
        const isOutage = result.outcome === 'unknown';
        return { user, settled, left, failure: { key, message: result.message, isOutage } };
      }
      settled.push({ key, result });
    } catch (error) {
      if (error instanceof TocsinError && error.code === 'kernel_closed') throw error;
      const isOutage = error instanceof TocsinError && error.kind === 'unavailable';
      const message = error instanceof Error ? error.message : 'something was thrown';
      return { user, settled, left, failure: { key, message, isOutage, error } };
    }
  }
  return { user, settled, left: rows.length - settled.length };
}

// The copy also serves for rows that a host has filled with something else: the kernel refuses those.
function userOf({ input }: PendingRaise): string {
  return String({ ...input }.userId);
}
