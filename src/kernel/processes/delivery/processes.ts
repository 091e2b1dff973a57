// The processes of delivery, for a worker: intake, attempts, the list, and redriving skipped deliveries.
import { TocsinError } from '../../../domain/core/errors.ts';
import { DEFAULT_KERNEL_NAME } from '../../../domain/core/ids.ts';
import {
  longestRetriesMs,
  RETRY_PROFILES,
  type RetryProfile,
} from '../../../domain/delivery/retry-schedule.ts';
import type { EventStore } from '../../../domain/ports/event-store.ts';
import { silentLogger, type Logger } from '../../../domain/ports/logger.ts';
import { noTelemetry, type Telemetry } from '../../../domain/ports/telemetry.ts';
import type { RequestQueue } from './request-queue.ts';
import type { ChannelLookup, ChannelReport, Sender } from '../../../domain/ports/sender.ts';
import { checkedNumber } from '../../../domain/core/options.ts';
import { MAX_EXPIRES_IN_MS, type TriggerDefinition } from '../../../domain/trigger/definitions.ts';
import type { DeliveryIndex } from './delivery-index.ts';
import type { DueIndexes } from '../due/due-index.ts';
import type { Runtime } from '../../../domain/ports/runtime.ts';
import type { Process } from '../due/process.ts';
import { systemRuntime } from '../../decider/runtime.ts';
import { wakeSignal } from '../../../domain/core/wake-signal.ts';
import { listProcess } from './delivery-list.ts';
import { redriveSkippedProcess } from './redrive-skipped.ts';
import { ATTEMPTS_INDEX, attemptsProcess } from './attempts.ts';
import { channelLimiter, type LimitsOf } from './channel-limiter.ts';
import { intakeProcess } from './intake.ts';
import { knownLog } from './known-log.ts';
import { channelFinder, type DeliveryChannel } from './open-channel.ts';
import type { LetThrough } from '../../../projections/audit/reading/ports.ts';
import type { MessageKeys } from '../../../projections/message-signature.ts';
import { wordingOf, type LocalTexts, type TextsFor } from './wording.ts';
import type { DeliveryContext } from './delivery-decider.ts';

/** The lease of an attempt, in milliseconds; its call is cut off 5 s before the end. */
const DEFAULT_LEASE_MS = 20_000;
/** A shorter lease leaves no time for a call; a longer lease delays the deliveries of a dead worker. */
const LEASE_RANGE_MS = [6_000, 10 * 60_000] as const;
/** Deliveries handled at once: calls mostly wait for their answer. */
const DEFAULT_CONCURRENCY = 256;

/** Has no rows: only the position up to which every request that was let through has a record. */
const PASSED_INDEX = 'delivery-intake.1';

/** The caller closes store, indexes and request queue after the worker stopped. */
export type DeliveryOptions = {
  readonly store: EventStore;
  /** The requests to deliver. */
  readonly requests: RequestQueue;
  /** Where due rows are kept. */
  readonly indexes: DueIndexes;
  /** The list of deliveries. Without it nobody can list them, and skipped deliveries are not redriven. */
  readonly list?: DeliveryIndex | undefined;
  /**
   * The verdicts of the projection, from which requests are taken that the stream discarded before a worker recorded them;
   * usually `openReadModelReader(file)`. Without it those are not delivered. They prove also that a message of the queue
   * was let through.
   */
  readonly letThrough?: LetThrough | undefined;
  /** The keys of `messageKeys` of the projector: they prove the messages of the queue. */
  readonly messageKeys?: MessageKeys | undefined;
  /** The addresses that users configured in Tocsin, usually `kernel.channels.lookup`. */
  readonly lookup?: ChannelLookup;
  /** Sends to those addresses. */
  readonly send?: Sender;
  readonly report?: ChannelReport;
  /** Channels of your own by name, made by `defineChannel`. */
  readonly channels?: Readonly<Record<string, DeliveryChannel>>;
  /** The kernel's name. Default `tocsin`. */
  readonly name?: string;
  /** Default `human`. */
  readonly profile?: keyof typeof RETRY_PROFILES | RetryProfile;
  /** What follows an attempt with an unknown outcome. Default `resend`. */
  readonly onUnknown?: 'resend' | 'park';
  /** The sentences of notifications, or a function that chooses them for a user and a type. Default: none. */
  readonly texts?: LocalTexts | TextsFor;
  /** The definitions whose texts count for their types, and whose lives are compared with the retry profile. */
  readonly triggers?: readonly TriggerDefinition[];
  /** The beginning of links in notifications. Without it messages have no link. */
  readonly frontendUrl?: string | undefined;
  /** The lease of an attempt, 6,000 to 600,000 ms; default 20,000. */
  readonly leaseMs?: number;
  /** Deliveries handled at once; default 256. */
  readonly concurrency?: number;
  /** The rate limits of each channel; default: those of its provider. */
  readonly limits?: LimitsOf;
  /** False: nothing is sent, and each delivery is skipped. Default true. */
  readonly enabled?: boolean;
  readonly logger?: Logger;
  /** Gets metrics and traces of deliveries. Default: none. */
  readonly telemetry?: Telemetry;
  /** Default: the system clock and timers. */
  readonly runtime?: Runtime;
  /** The actor in event metadata. Default `worker`. */
  readonly actor?: string;
  /** Called each time that the due index contains the whole log; for tests and health. */
  readonly onCaughtUp?: () => void;
};

/** Intake and attempts; with a list also its upkeep and redriving. @throws TocsinError `usage`: a lease out of range */
export function deliveryProcesses(options: DeliveryOptions): readonly Process[] {
  const { store, requests, indexes, list, enabled = true } = options;
  const { name: kernel = DEFAULT_KERNEL_NAME, logger = silentLogger } = options;
  const { telemetry = noTelemetry } = options;
  const { texts, triggers, frontendUrl } = options;
  const { leaseMs = DEFAULT_LEASE_MS, concurrency = DEFAULT_CONCURRENCY } = options;
  const { runtime = systemRuntime() } = options;
  assertLease(leaseMs);
  checkedNumber('concurrency', concurrency, [1, 10_000]);
  reportShortLives(options, logger);
  const records = deliveryContext(options);
  const limiter = channelLimiter({ slots: concurrency });
  const findChannel = channelFinder(options);
  const wording = wordingOf({ texts, triggers, frontendUrl });
  const index = indexes.open(ATTEMPTS_INDEX);
  const { letThrough, messageKeys: keys } = options;
  const lookups = channelLimiter({ slots: concurrency });
  const shown = { findChannel, limiter, lookups, wordingOf: wording };
  const isSameLog = knownLog(store, kernel, { due: index, list });
  const calls = { kernel, records, runtime, ...shown, leaseMs, enabled, logger, telemetry };
  const own = { ...calls, index, isSameLog };
  const attempts = attemptsProcess({ ...options, ...own, concurrency });
  const passed = letThrough && { index: indexes.open(PASSED_INDEX) };
  const evidence = { letThrough, list, keys };
  const known = { isSameLog: knownLog(store, kernel, { due: index, list, letThrough }) };
  const taking = { ...records, kernel, requests, passed, ...evidence, ...known, logger, telemetry };
  const processes = [intakeProcess(taking), attempts];
  telemetry.observe('tocsin.calls.in_flight', () => [[limiter.inFlight()]]);
  telemetry.observe('tocsin.breakers.open', () => [[limiter.openBreakers(runtime.now())]]);
  if (list === undefined) return processes;
  const shared = { index: list, runtime, marked: wakeSignal(), logger };
  return [
    ...processes,
    listProcess({ ...shared, store, kernel }),
    redriveSkippedProcess({ ...shared, records, findChannel, isSameLog }),
  ];
}

export function deliveryContext(
  options: Pick<DeliveryOptions, 'store' | 'profile' | 'onUnknown' | 'runtime' | 'actor'>,
): DeliveryContext {
  const { store, profile, onUnknown = 'resend', actor = 'worker' } = options;
  const { runtime = systemRuntime() } = options;
  const { now, random } = runtime;
  return {
    store,
    // Deadlines of appends are kept by real time.
    runtime: { ...systemRuntime(), now, random },
    actor,
    rules: { profile: profileOf(profile), onUnknown },
  };
}

/** Retries end with the notification's life, so a profile that is longer is reported and not cut silently. */
function reportShortLives({ triggers = [], profile }: DeliveryOptions, logger: Logger): void {
  const retriesMs = longestRetriesMs(profileOf(profile));
  for (const { type: triggerType, expiresInMs } of triggers) {
    if (retriesMs <= expiresInMs) continue;
    const about = { triggerType, expiresInMs, retriesMs };
    logger.warn(about, 'notifications of this type expire before the last retry of the profile');
  }
}

/** The longest wait between two attempts, in milliseconds: the longest life of a notification. */
const MAX_WAIT_MS = MAX_EXPIRES_IN_MS;

function profileOf(profile: DeliveryOptions['profile'] = 'human'): RetryProfile {
  const named: Readonly<Record<string, RetryProfile | undefined>> = RETRY_PROFILES;
  const chosen = typeof profile === 'string' ? named[profile] : profile;
  const { waits }: Partial<RetryProfile> = chosen ?? {};
  if (waits === undefined) {
    const message = 'the retry profile is none that there is';
    const hint = `Use one of ${Object.keys(RETRY_PROFILES).join(', ')}, or { waits: [milliseconds, …] }.`;
    throw new TocsinError('usage', 'invalid_option', message, { hint });
  }
  for (const wait of waits) checkedNumber('a wait of the profile', wait, [0, MAX_WAIT_MS], 'any');
  return { waits };
}

function assertLease(leaseMs: number): void {
  const [least, most] = LEASE_RANGE_MS;
  if (leaseMs >= least && leaseMs <= most) return;
  throw new TocsinError('usage', 'invalid_lease', `the lease of ${leaseMs} ms is out of range`, {
    hint: `Use ${least} to ${most} ms.`,
  });
}
