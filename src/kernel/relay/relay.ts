// The host's own transaction: a request to raise is written beside the host's rows, in their
// transaction, and carried over from there. There is no second write to lose (design section 12).
import { setTimeout as sleep } from 'node:timers/promises';
import { TocsinError } from '../../domain/core/errors.ts';
import { uuidOf } from '../../domain/core/ids.ts';
import { joinKey } from '../../domain/core/keys.ts';
import { silentLogger, type Logger } from '../../domain/ports/logger.ts';
import type { RaiseInput } from '../../domain/trigger/commands.ts';
import type { Kernel } from '../open-kernel.ts';
import type { RaiseSource, SettledRaise } from './raise-source.ts';
import { createHolding } from './relay-holding.ts';
import { carryRound } from './relay-round.ts';

export type RelayOptions = {
  /** Ends the relay: what is in flight is finished and settled, then the promise resolves. */
  readonly signal?: AbortSignal;
  /** Rows that are read at once, 1 to 10,000; default 256. */
  readonly batch?: number;
  /** How long to wait when nothing is pending, in milliseconds; default 250. */
  readonly pollMs?: number;
  /** Resolve when nothing is pending, or when nothing of it can be carried over now. Default: never. */
  readonly once?: boolean;
  /** Told of every failure; default: nobody is. */
  readonly logger?: Logger;
};

/** What a relay has carried over; `left` were still pending when it last looked. */
export type RelaySummary = {
  readonly raised: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly left: number;
};

/** Longest idempotency key that a request may have. */
const MAX_KEY = 191;
const MAX_BATCH = 10_000;

/**
 * Carries requests from a host's store into the kernel, until the signal is raised.
 *
 * Promised: a request whose transaction was committed is raised, however often host, relay or store die
 * on the way, and has one effect, because it is raised under an idempotency key: its own, or one made
 * of the source's name and the row's key. One whose transaction was rolled back was never there. The
 * requests of one user are raised in their order. One that cannot be raised now (an outage, a conflict,
 * an evaluator that throws) is tried again with backoff, up to 30 s, and holds back later ones of its
 * user; others pass. What the kernel rejects is settled too, with its reasons. Several relays may work
 * on one source.
 *
 * Not promised: that `settled` hears `raised` for each new trigger. After a crash between the raise and
 * `settled` it hears `duplicate`, with the same trigger's id.
 *
 * @throws TocsinError `usage` for options out of range, and when the kernel is closed
 * @throws unknown what `pending` and `settled` throw, as it is; nothing is lost: start it again
 */
export async function relayRaises(
  source: RaiseSource,
  kernel: Pick<Kernel, 'raise'>,
  options: RelayOptions = {},
): Promise<RelaySummary> {
  const { signal = new AbortController().signal, batch = 256, pollMs = 250, once } = options;
  assertOptions(source.name, batch, pollMs);
  const holding = createHolding(source.name, options.logger ?? silentLogger);
  const summary = { raised: 0, duplicates: 0, rejected: 0, left: 0 };
  while (!signal.aborted) {
    // Rows that are held back must not keep later ones from being seen.
    const limit = Math.min(MAX_BATCH, batch + holding.rows());
    const rows = await source.pending(limit);
    const lanes = await carryRound(rows, {
      raise: ({ key, input }) =>
        kernel.raise(keyed(source.name, key, input), { actor: `relay ${source.name}` }),
      isHeld: holding.isHeld,
      signal,
    });
    const settled = lanes.flatMap((lane) => lane.settled);
    if (settled.length > 0) await source.settled(settled);
    for (const { result } of settled) summary[COUNTED[result.outcome]] += 1;
    summary.left = rows.length - settled.length;
    const waitMs = holding.after(lanes);
    const sawAll = rows.length < limit || limit === MAX_BATCH;
    if (settled.length > 0 && waitMs === 0) continue;
    if (once === true && settled.length === 0 && (sawAll || waitMs > 0)) break;
    // More than was seen may be behind what is held back: look there at once.
    await pause(waitMs > 0 || !sawAll ? waitMs : pollMs, signal);
  }
  return summary;
}

const COUNTED = {
  raised: 'raised',
  duplicate: 'duplicates',
  rejected: 'rejected',
  idempotency_conflict: 'rejected',
} as const satisfies Record<SettledRaise['result']['outcome'], keyof RelaySummary>;

/** The request under its own idempotency key, or under the row's. */
function keyed(name: string, key: string, input: RaiseInput): RaiseInput {
  // What is no text is left for the kernel to refuse.
  const own: unknown = { ...input }.idempotencyKey ?? '';
  if (typeof own !== 'string' || own.trim() !== '') return input;
  const readable = `relay:${joinKey(name, key)}`;
  const idempotencyKey =
    readable.length <= MAX_KEY ? readable : `relay:${uuidOf('relay', name, key)}`;
  return { ...input, idempotencyKey };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  // The signal ends the wait; that it was raised, the loop sees.
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}

function assertOptions(name: string, batch: number, pollMs: number): void {
  const inRange =
    Number.isInteger(batch) && batch >= 1 && batch <= MAX_BATCH && pollMs >= 0 && pollMs < 2 ** 31;
  if (inRange && /^[A-Za-z0-9._-]{1,64}$/.test(name)) return;
  throw new TocsinError('usage', 'invalid_relay', 'the relay’s name or options are out of range', {
    hint: 'Use a name of 1 to 64 characters of A-Z a-z 0-9 . _ - and a batch of 1 to 10,000.',
  });
}
