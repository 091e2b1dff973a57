// Delivery as a whole: from messages to a person, as processes for a worker.
import { TocsinError } from '../../../domain/core/errors.ts';
import { DEFAULT_KERNEL_NAME } from '../../../domain/core/ids.ts';
import { DEFAULT_FRONTEND_URL } from '../../../domain/delivery/message.ts';
import { RETRY_PROFILES, type RetryProfile } from '../../../domain/delivery/retry-schedule.ts';
import type { EventStore } from '../../../domain/ports/event-store.ts';
import { silentLogger, type Logger } from '../../../domain/ports/logger.ts';
import type { RequestQueue } from './request-queue.ts';
import type { ChannelLookup, Sender } from '../../../domain/ports/sender.ts';
import type { Texts } from '../../../domain/notification/texts.ts';
import type { DeliveryIndex } from './delivery-index.ts';
import type { DueIndexes } from '../due/due-index.ts';
import type { Runtime } from '../../../domain/ports/runtime.ts';
import type { Process } from '../due/process.ts';
import { systemRuntime } from '../../decider/runtime.ts';
import type { ChannelReport } from './handle-due.ts';
import { wakeSignal } from '../../../domain/core/wake-signal.ts';
import { listProcess } from './delivery-list.ts';
import { redriveSkippedProcess } from './redrive-skipped.ts';
import { ATTEMPTS_INDEX, attemptsProcess } from './attempts.ts';
import { channelGate } from './channel-gate.ts';
import { intakeProcess } from './intake.ts';
import type { LimitsOf } from './rate-limits.ts';
import type { RecordContext } from './record.ts';

/** How long an attempt may take; its call is cut off 5 s before. */
const DEFAULT_LEASE_MS = 20_000;
/** Shorter ones leave no time for a call, longer ones hold back what a dead worker had in hand. */
const LEASE_RANGE_MS = [6_000, 10 * 60_000] as const;
/** Records attended to at once: calls are waiting for the most part. */
const DEFAULT_CONCURRENCY = 256;

/** What delivery is made of. The caller closes store, indexes and inbox, after the worker stopped. */
export type DeliveryOptions = {
  readonly store: EventStore;
  /** Where the messages come from. */
  readonly inbox: RequestQueue;
  /** Where what waits is kept. */
  readonly indexes: DueIndexes;
  /** The list of deliveries; without it nobody can list them, and none that was skipped is revived. */
  readonly list?: DeliveryIndex | undefined;
  /** A user's channel with its secrets. */
  readonly lookup: ChannelLookup;
  readonly send: Sender;
  /** Told when a provider says something about a channel itself. */
  readonly report?: ChannelReport;
  /** The kernel's name. Default `tocsin`. */
  readonly name?: string;
  /** Default `human`. */
  readonly profile?: keyof typeof RETRY_PROFILES | RetryProfile;
  /** What follows when nobody knows an attempt's outcome. Default `resend`. */
  readonly onUnknown?: 'resend' | 'park';
  /** The sentences of notifications. */
  readonly texts: Texts;
  /** What links in notifications begin with. */
  readonly frontendUrl?: string;
  /** Milliseconds that an attempt may take; default 20,000. */
  readonly leaseMs?: number;
  /** Records attended to at once; default 256. */
  readonly concurrency?: number;
  /** How much one channel is asked; default the providers' own limits. */
  readonly limits?: LimitsOf;
  /** False: everything is recorded, and nothing is sent. Default true. */
  readonly enabled?: boolean;
  readonly logger?: Logger;
  /** Time and chance; default the system's. */
  readonly surroundings?: Runtime;
  /** Who acts, for the record. Default `worker`. */
  readonly actor?: string;
  /** Told when everything that was in the log is in the index; for tests and health. */
  readonly onCaughtUp?: () => void;
};

/**
 * The processes of delivery: intake and attempts, and with a list also its keeping and reviving.
 *
 * @throws TocsinError `usage` for a lease out of range, and when the indexes are in use
 */
export function deliveryProcesses(options: DeliveryOptions): readonly Process[] {
  const { store, inbox, indexes, list, lookup, send, report, limits, enabled = true } = options;
  const { name: kernel = DEFAULT_KERNEL_NAME, logger = silentLogger, onCaughtUp } = options;
  const { texts, frontendUrl = DEFAULT_FRONTEND_URL } = options;
  const { leaseMs = DEFAULT_LEASE_MS, concurrency = DEFAULT_CONCURRENCY } = options;
  const { surroundings = systemRuntime() } = options;
  assertLease(leaseMs);
  const records = recordContext(options);
  const attempts = attemptsProcess({
    kernel,
    store,
    records,
    surroundings,
    lookup,
    send,
    report,
    gate: channelGate({ limits, slots: concurrency }),
    wording: { texts, frontendUrl },
    leaseMs,
    enabled,
    logger,
    index: indexes.open(ATTEMPTS_INDEX),
    concurrency,
    onCaughtUp,
  });
  const processes = [intakeProcess({ ...records, kernel, inbox, logger }), attempts];
  if (list === undefined) return processes;
  const bell = wakeSignal(surroundings);
  const shared = { index: list, surroundings, bell, logger };
  return [
    ...processes,
    listProcess({ ...shared, store, kernel }),
    redriveSkippedProcess({ ...shared, records, lookup }),
  ];
}

/** What commands to delivery records need. */
export function recordContext(
  options: Pick<DeliveryOptions, 'store' | 'profile' | 'onUnknown' | 'surroundings' | 'actor'>,
): RecordContext {
  const { store, profile = 'human', onUnknown = 'resend', actor = 'worker' } = options;
  const { surroundings = systemRuntime() } = options;
  const { now, random } = surroundings;
  return {
    store,
    // Deadlines of appends are the store's business, and kept by real time.
    runtime: { ...systemRuntime(), now, random },
    actor,
    rules: { profile: typeof profile === 'string' ? RETRY_PROFILES[profile] : profile, onUnknown },
  };
}

function assertLease(leaseMs: number): void {
  const [least, most] = LEASE_RANGE_MS;
  if (leaseMs >= least && leaseMs <= most) return;
  throw new TocsinError('usage', 'invalid_lease', `a lease of ${leaseMs} ms is out of range`, {
    hint: `Use ${least} to ${most} ms.`,
  });
}
