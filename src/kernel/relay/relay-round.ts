// One round over a host's pending requests: users in parallel, the requests of one user in order.
import { backoffMs, PROCESS_BACKOFF } from '../../domain/core/backoff.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import type { Logger } from '../../domain/ports/logger.ts';
import type { PendingRaise, SettledRaise } from './raise-source.ts';
import type { RaiseResult } from '../raise/raise-result.ts';

/** Users whose requests are raised in parallel; enough to fill group commits. */
const CONCURRENCY = 64;

/** Why a user's first pending request could not be raised now. */
export type Failure = {
  readonly key: string;
  readonly message: string;
  /** The store failed, not the request: other requests fail too. */
  readonly isOutage: boolean;
  readonly error?: unknown;
};

export type UserRound = {
  readonly user: string;
  readonly settled: readonly SettledRaise[];
  /** The user's rows that are still pending. */
  readonly left: number;
  readonly failure?: Failure;
};

export type RoundOptions = {
  readonly raise: (row: PendingRaise) => Promise<RaiseResult>;
  /** Users that this round skips. */
  readonly isHeld: (user: string) => boolean;
  /** True when a request that throws has failed for so long that it must not hold back its user any longer. */
  readonly givesUp: (user: string, key: string) => boolean;
  readonly logger: Logger;
  readonly signal: AbortSignal;
};

/** Raises each request once; a user's later requests only after the earlier ones succeeded. */
export async function relayRound(
  rows: readonly PendingRaise[],
  options: RoundOptions,
): Promise<readonly UserRound[]> {
  const queue = [...Map.groupBy(rows, userOf)];
  const rounds: UserRound[] = [];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [user, requests] = next;
      const isHeld = options.isHeld(user);
      rounds.push(
        isHeld
          ? { user, settled: [], left: requests.length }
          : await raiseAllOf(user, requests, options),
      );
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  return rounds;
}

async function raiseAllOf(
  user: string,
  rows: readonly PendingRaise[],
  { raise, givesUp, logger, signal }: RoundOptions,
): Promise<UserRound> {
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
      const message =
        error instanceof Error ? error.message : 'the raise threw a value that is no Error';
      if (isOutage || !givesUp(user, key)) {
        return { user, settled, left, failure: { key, message, isOutage, error } };
      }
      logger.error({ key, err: error }, 'a request failed for too long and is settled as rejected');
      const rejected = { outcome: 'rejected', code: 'evaluation_failed', issues: [] } as const;
      settled.push({ key, result: { ...rejected, message } });
    }
  }
  return { user, settled, left: rows.length - settled.length };
}

// The copy also works for a row without a valid input, which the kernel rejects.
function userOf({ input }: PendingRaise): string {
  return String({ ...input }.userId);
}

type Held = {
  readonly failures: number;
  readonly until: number;
  /** The request that failed, and when it failed first. */
  readonly key: string;
  readonly since: number;
};

/** Who waits before the next try: all users after an outage, one user after a request that failed. */
export function relayBackoff(name: string, logger: Logger, giveUpMs: number) {
  const held = new Map<string, Held>();
  let heldRows = 0;
  let outages = 0;
  const waitAfter = (failures: number, failure: Failure): number => {
    const waitMs = backoffMs(failures, PROCESS_BACKOFF, Math.random);
    const { key, message: reason, error, isOutage } = failure;
    const fields = { source: name, key, reason, waitMs: Math.round(waitMs) };
    const text = isOutage
      ? 'the event store cannot be reached; trying again'
      : 'a request failed; trying again';
    logger.warn(error === undefined ? fields : { ...fields, err: error }, text);
    return waitMs;
  };
  return {
    heldRows: () => heldRows,
    givesUp(user: string, key: string): boolean {
      const before = held.get(user);
      const failedMs = before?.key === key ? performance.now() - before.since : 0;
      return failedMs >= giveUpMs;
    },
    isHeld: (user: string) => (held.get(user)?.until ?? 0) > performance.now(),
    /** Records a round's failures; returns how long all users wait. */
    after(rounds: readonly UserRound[]): number {
      const outage = rounds.find(({ failure }) => failure?.isOutage)?.failure;
      const waitMs = outage === undefined ? 0 : waitAfter(outages, outage);
      outages = outage === undefined ? 0 : outages + 1;
      for (const { user, settled, failure } of rounds) {
        if (settled.length > 0) held.delete(user);
        if (failure === undefined || failure.isOutage) continue;
        const { key } = failure;
        const before = held.get(user);
        const failures = before?.failures ?? 0;
        const since = before?.key === key ? before.since : performance.now();
        const until = performance.now() + waitAfter(failures, failure);
        held.set(user, { failures: failures + 1, until, key, since });
      }
      const pending = new Map(rounds.map(({ user, left }) => [user, left]));
      heldRows = 0;
      for (const user of held.keys()) {
        // A user who was held back and is missing from this batch has no rows left.
        if (!pending.has(user)) held.delete(user);
        heldRows += pending.get(user) ?? 0;
      }
      return waitMs;
    },
  };
}
