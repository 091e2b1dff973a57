// When the next attempt is due: a function of the delivery alone, so that an audit can compute it again.
import { uuidOf } from '../core/ids.ts';
import type { Instant } from '../core/instants.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** How many attempts one notification gets, and the waits between them. */
export type RetryProfile = {
  /** The waits between attempts, in milliseconds: one attempt more than there are waits. */
  readonly waits: readonly number[];
};

/**
 * - `human`: at once, then after 5 s, 30 s, 2, 10 and 30 minutes: within the hour of a preview.
 * - `seed`: the 5 attempts of the system that this replaces, 5, 10, 20 and 30 minutes apart.
 */
export const RETRY_PROFILES = {
  human: { waits: [5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE] },
  seed: { waits: [5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 30 * MINUTE] },
} as const satisfies Record<string, RetryProfile>;

export function maxAttempts(profile: RetryProfile): number {
  return profile.waits.length + 1;
}

/** The most milliseconds between the first attempt and the last, with jitter. */
export function longestRetriesMs(profile: RetryProfile): number {
  return Math.round(profile.waits.reduce((sum, wait) => sum + wait, 0) * 1.2);
}

/** The longest wait that a provider can ask for, in milliseconds. */
export const MAX_RETRY_AFTER_MS = 60 * MINUTE;

/** The wait, in milliseconds, after a provider throttles without naming a time. */
const DEFAULT_THROTTLE_MS = MINUTE;

/** Throttled calls since the last redrive that cost no attempt. Each later one is an attempt, so that they end. */
export const FREE_THROTTLES = 10;

/** What a provider that throttles asks for, in milliseconds: from a second to an hour. */
export function throttleMs(retryAfterMs = DEFAULT_THROTTLE_MS): number {
  return Math.min(Math.max(retryAfterMs, SECOND), MAX_RETRY_AFTER_MS);
}

type Answered = {
  readonly notificationId: string;
  /** The number of the attempt, for its jitter. */
  readonly attempt: number;
  readonly now: Instant;
  readonly expiresAt: Instant;
  /** The least wait that the provider asks for, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
};

/**
 * When the next attempt is due, at the latest at `expiresAt`; `undefined` after the last attempt.
 * @param options.used attempts that count, this one included
 */
export function nextAttemptAt(
  options: Answered & { readonly profile: RetryProfile; readonly used: number },
): Instant | undefined {
  const { profile, notificationId, used, attempt, now, expiresAt, retryAfterMs = 0 } = options;
  const wait = profile.waits[used - 1];
  if (wait === undefined) return undefined;
  const jittered = jitter(wait, notificationId, attempt);
  const floor = Math.min(retryAfterMs, MAX_RETRY_AFTER_MS);
  return Math.min(now + Math.max(jittered, floor), Math.max(now, expiresAt));
}

/**
 * When to try again after the provider throttled an attempt: its wait and up to 20 % more. No shorter than the
 * first wait of the profile, whatever the provider asks for.
 */
export function throttledUntil(options: Answered & { readonly profile: RetryProfile }): Instant {
  const { profile, notificationId, attempt, now, expiresAt, retryAfterMs } = options;
  const floor = Math.max(throttleMs(retryAfterMs), profile.waits[0] ?? 0);
  const wait = floor + Math.round((floor * unit(notificationId, attempt)) / 5);
  return Math.min(now + wait, Math.max(now, expiresAt));
}

/** ±20 % by notification and attempt: different for each notification, the same on every machine. */
export function jitter(wait: number, notificationId: string, attempt: number): number {
  return Math.round(wait * (0.8 + 0.4 * unit(notificationId, attempt)));
}

/** 0 <= x < 1 */
function unit(notificationId: string, attempt: number): number {
  const digits = uuidOf('jitter', notificationId, String(attempt)).slice(0, 8);
  return Number.parseInt(digits, 16) / 2 ** 32;
}

/** The shortest and the longest wait, in milliseconds, for something that the delivery needs before an attempt. */
const OBSTACLE_WAITS_MS = [5_000, 5 * 60_000] as const;

/**
 * When to look again at a delivery whose channel or texts could not be had. The wait is half of the age of the
 * notification, so that waits grow; and at most a quarter of the rest of its life, so that an outage that ends leaves
 * time for an attempt.
 */
export function obstacleUntil(
  { requestedAt, expiresAt }: { readonly requestedAt: Instant; readonly expiresAt: Instant },
  now: Instant,
): Instant {
  const [shortest, longest] = OBSTACLE_WAITS_MS;
  const wait = Math.min((now - requestedAt) / 2, (expiresAt - now) / 4, longest);
  return now + Math.round(Math.max(wait, shortest));
}
