// Who has to wait before a relay tries again, and for how long.
import { backoffMs, PROCESS_BACKOFF } from '../../domain/core/backoff.ts';
import type { Logger } from '../../domain/ports/logger.ts';
import type { Failure, Lane } from './relay-round.ts';

/** An outage makes everybody wait; a request that cannot be raised now, its user only. */
export function createHolding(name: string, logger: Logger) {
  const held = new Map<string, { readonly failures: number; readonly until: number }>();
  let rows = 0;
  let outages = 0;
  const warn = ({ key, message: reason, error, isOutage }: Failure, waitMs: number): void => {
    const fields = { source: name, key, reason, waitMs: Math.round(waitMs) };
    const what = isOutage ? 'the event store is away; raising again' : 'raising this again';
    logger.warn(error === undefined ? fields : { ...fields, error }, what);
  };
  return {
    rows: () => rows,
    isHeld: (user: string) => (held.get(user)?.until ?? 0) > performance.now(),
    /** Takes a round's failures; returns how long everybody has to wait. */
    after(lanes: readonly Lane[]): number {
      const outage = lanes.find(({ failure }) => failure?.isOutage)?.failure;
      const waitMs = outage === undefined ? 0 : backoff(outages);
      outages = outage === undefined ? 0 : outages + 1;
      if (outage !== undefined) warn(outage, waitMs);
      for (const { user, settled, failure } of lanes) {
        if (settled.length > 0) held.delete(user);
        if (failure === undefined || failure.isOutage) continue;
        const failures = held.get(user)?.failures ?? 0;
        const userWaitMs = backoff(failures);
        held.set(user, { failures: failures + 1, until: performance.now() + userWaitMs });
        warn(failure, userWaitMs);
      }
      const pending = new Map(lanes.map(({ user, left }) => [user, left]));
      rows = 0;
      for (const user of held.keys()) {
        // The oldest rows come first: who was held back and is not there any more, was taken away.
        if (!pending.has(user)) held.delete(user);
        rows += pending.get(user) ?? 0;
      }
      return waitMs;
    },
  };
}

function backoff(failures: number): number {
  return backoffMs(failures, PROCESS_BACKOFF, Math.random);
}
