// When the next attempt is due: a function of the record alone, so an audit can work it out again.
import { uuidOf } from '../core/ids.ts';
import type { Instant } from '../core/instants.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** How often, and how far apart, one notice is attempted. */
export type RetryProfile = {
  /** The waits between attempts, in milliseconds: one attempt more than there are waits. */
  readonly waits: readonly number[];
};

/**
 * - `human`: at once, then 5 s, 30 s, 2, 10 and 30 minutes later. All of it lies within the hour that
 *   a preview lives.
 * - `seed`: the existing system's 5 attempts, 5, 10, 20 and 30 minutes apart.
 */
export const RETRY_PROFILES = {
  human: { waits: [5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE] },
  seed: { waits: [5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 30 * MINUTE] },
} as const satisfies Record<string, RetryProfile>;

/** Attempts that a profile allows. */
export function maxAttempts(profile: RetryProfile): number {
  return profile.waits.length + 1;
}

/** A provider's wish to wait is followed up to here. */
export const MAX_RETRY_AFTER_MS = 60 * MINUTE;

/** The wait of a provider that asks for patience and does not say how much. */
export const DEFAULT_THROTTLE_MS = MINUTE;

/**
 * When to try again after `used` attempts, or `undefined` when that was the last one. Never after
 * `expiresAt`: whoever wakes then finds that it is over.
 */
export function nextAttemptAt(options: {
  readonly profile: RetryProfile;
  readonly notificationId: string;
  /** Attempts that count, this one included. */
  readonly used: number;
  /** The attempt's own number: the jitter is made of it. */
  readonly attempt: number;
  readonly now: Instant;
  readonly expiresAt: Instant;
  /** The least wait that the provider asks for. */
  readonly retryAfterMs?: number | undefined;
}): Instant | undefined {
  const { profile, notificationId, used, attempt, now, expiresAt, retryAfterMs = 0 } = options;
  const wait = profile.waits[used - 1];
  if (wait === undefined) return undefined;
  const jittered = jitter(wait, notificationId, attempt);
  const floor = Math.min(retryAfterMs, MAX_RETRY_AFTER_MS);
  return Math.min(now + Math.max(jittered, floor), Math.max(now, expiresAt));
}

/** When to try again after the provider turned an attempt away: its wish, spread a little. */
export function throttledUntil(options: {
  readonly notificationId: string;
  readonly attempt: number;
  readonly now: Instant;
  readonly expiresAt: Instant;
  readonly retryAfterMs?: number | undefined;
}): Instant {
  const { notificationId, attempt, now, expiresAt, retryAfterMs = DEFAULT_THROTTLE_MS } = options;
  const floor = Math.min(Math.max(retryAfterMs, SECOND), MAX_RETRY_AFTER_MS);
  // Only later, never earlier, than what was asked for.
  const wait = floor + Math.round((floor * unit(notificationId, attempt)) / 5);
  return Math.min(now + wait, Math.max(now, expiresAt));
}

/** ±20 %, by the notice and the attempt: spread over notices, the same on every machine. */
export function jitter(wait: number, notificationId: string, attempt: number): number {
  return Math.round(wait * (0.8 + 0.4 * unit(notificationId, attempt)));
}

/** 0 <= x < 1 */
function unit(notificationId: string, attempt: number): number {
  const digits = uuidOf('jitter', notificationId, String(attempt)).slice(0, 8);
  return Number.parseInt(digits, 16) / 2 ** 32;
}
