// Relays requests to raise that a host has written in its own transaction, beside its own rows. So no
// request is lost between the host's commit and the raise.
import { TocsinError } from '../../domain/core/errors.ts';
import { uuidOf } from '../../domain/core/ids.ts';
import { joinKey } from '../../domain/core/keys.ts';
import { silentLogger, type Logger } from '../../domain/ports/logger.ts';
import { noTelemetry, type Telemetry } from '../../domain/ports/telemetry.ts';
import type { Runtime } from '../../domain/ports/runtime.ts';
import type { RaiseInput } from '../../domain/trigger/commands.ts';
import type { Call } from '../decider/decider.ts';
import { systemRuntime } from '../decider/runtime.ts';
import type { RaiseResult } from '../raise/raise-result.ts';
import { hostStore } from './host-store.ts';
import type { RaiseSource, SettledRaise } from './raise-source.ts';
import { relayBackoff, relayRound } from './relay-round.ts';

export type RelayOptions = {
  /** Ends the relay: raises in flight are finished and settled, then the promise resolves. */
  readonly signal?: AbortSignal;
  /** Rows read at once, 1 to 10,000; default 256. */
  readonly batch?: number;
  /** Milliseconds to wait when nothing is pending; default 250. */
  readonly pollMs?: number;
  /** Resolve when nothing is pending, or no pending request can be raised now. Default: never. */
  readonly once?: boolean;
  /**
   * Milliseconds after which a request that throws again and again, because of its evaluator, is settled as rejected with
   * `evaluation_failed`, so that its user's later requests go on; default 3,600,000 (an hour).
   */
  readonly giveUpMs?: number;
  /** Gets every failure, with its error as `err`. Default: none. */
  readonly logger?: Logger;
  /** Gets how many requests had which outcome. Default: none. */
  readonly telemetry?: Telemetry;
  /** For tests. */
  readonly runtime?: Runtime;
};

/** The results of a relay; `left` requests were still pending in its last round. */
export type RelaySummary = {
  readonly raised: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly left: number;
};

const GIVE_UP_MS = 60 * 60 * 1_000;
/** Longest idempotency key that a request may have. */
const MAX_KEY = 191;
const MAX_BATCH = 10_000;

/**
 * Raises the requests of a host's store until the signal is raised.
 *
 * Guaranteed: a committed request is raised, however often host, relay or store crash, and has one effect,
 * because it is raised under an idempotency key: its own, or one made of the source's name and the row's
 * key. The requests of one user are raised in order. A request that cannot be raised now (an outage, a
 * conflict, an evaluator that throws) is tried again with backoff, up to 30 s, and holds back the later
 * requests of its user only, at most until `giveUpMs`. A request that the kernel rejects is settled with its reasons.
 * Several relays may work on one source. When `pending` or `settled` throws, gives no answer within 30 seconds, or gives
 * something else than rows, the relay logs the error and tries again with backoff; what was raised and not settled comes
 * back as `duplicate`. A stop waits for `settled` at most five seconds, and not for `pending`.
 *
 * Not guaranteed: that `settled` gets `raised` for each new trigger. After a crash between the raise and
 * `settled` it gets `duplicate` with the same trigger's id.
 *
 * @throws TocsinError `usage` for options out of range, and when the kernel is closed
 * @throws unknown with `once`, the error of `pending` or `settled` (`host_timeout` and `invalid_rows` among them); nothing
 * is lost: start the relay again
 */
export async function relayRaises(
  source: RaiseSource,
  kernel: { readonly raise: (input: RaiseInput, call?: Call) => Promise<RaiseResult> },
  options: RelayOptions = {},
): Promise<RelaySummary> {
  const { signal = new AbortController().signal, batch = 256, pollMs = 250, once } = options;
  const { logger = silentLogger, telemetry = noTelemetry, giveUpMs = GIVE_UP_MS } = options;
  assertOptions(source.name, batch, pollMs, giveUpMs);
  const { runtime = systemRuntime() } = options;
  const { pause } = runtime;
  const backoff = relayBackoff(source.name, logger, giveUpMs);
  const host = hostStore(source, { runtime, logger, signal, rethrows: once === true });
  const summary = { raised: 0, duplicates: 0, rejected: 0, left: 0 };
  while (!signal.aborted) {
    // Read past the rows of users who wait.
    const limit = Math.min(MAX_BATCH, batch + backoff.heldRows());
    const rows = await host.pending(limit);
    if (rows === undefined) continue;
    const rounds = await relayRound(rows, {
      raise: ({ key, input }) =>
        kernel.raise(keyed(source.name, key, input), { actor: `relay ${source.name}` }),
      isHeld: backoff.isHeld,
      givesUp: (user, key) => backoff.givesUp(user, key),
      logger,
      signal,
    });
    const settled = rounds.flatMap((round) => round.settled);
    if (settled.length > 0 && !(await host.settled(settled))) continue;
    for (const { result } of settled) {
      summary[COUNTED[result.outcome]] += 1;
      telemetry.count('tocsin.relay.requests', { outcome: result.outcome });
    }
    const failed = rounds.filter(({ failure }) => failure !== undefined).length;
    if (failed > 0) telemetry.count('tocsin.relay.requests', { outcome: 'failed' }, failed);
    summary.left = rows.length - settled.length;
    const waitMs = backoff.after(rounds);
    const sawAll = rows.length < limit || limit === MAX_BATCH;
    if (settled.length > 0 && waitMs === 0) continue;
    if (once === true && settled.length === 0 && (sawAll || waitMs > 0)) break;
    // There may be more rows behind the rows of users who wait: read them at once.
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
  // A key that is no text is left for the kernel to reject.
  const own: unknown = { ...input }.idempotencyKey ?? '';
  if (typeof own !== 'string' || own.trim() !== '') return input;
  const readable = `relay:${joinKey(name, key)}`;
  const idempotencyKey =
    readable.length <= MAX_KEY ? readable : `relay:${uuidOf('relay', name, key)}`;
  return { ...input, idempotencyKey };
}

function assertOptions(name: string, batch: number, pollMs: number, giveUpMs: number): void {
  const inRange =
    Number.isInteger(batch) &&
    batch >= 1 &&
    batch <= MAX_BATCH &&
    pollMs >= 0 &&
    pollMs < 2 ** 31 &&
    giveUpMs >= 0;
  if (inRange && /^[A-Za-z0-9._-]{1,64}$/.test(name)) return;
  throw new TocsinError('usage', 'invalid_relay', 'the relay’s name or options are out of range', {
    hint: 'Use a name of 1 to 64 characters of A-Z a-z 0-9 . _ - and a batch of 1 to 10,000.',
  });
}
