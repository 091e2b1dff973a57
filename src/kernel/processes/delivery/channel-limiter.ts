// Limits the calls of each channel: rates, calls under way and a circuit breaker, in memory only. Users who
// share an address, such as a bot, share its limits. Addresses are secrets and stay in this file.
import { backoffCeilingMs, type Backoff } from '../../../domain/core/backoff.ts';
import type { Instant } from '../../../domain/core/instants.ts';
import type { ChannelTarget, SendOutcome } from '../../../domain/ports/sender.ts';

/**
 * Ends a call; call it once. `outcome` is `undefined` when no call was made, `waitMs` how long the provider wants
 * no call after it throttled this one.
 */
export type Release = (
  now: Instant,
  outcome: SendOutcome['outcome'] | undefined,
  waitMs?: number,
) => BreakerChange | undefined;

/** What the outcome of a call did to the breaker of its address. */
export type BreakerChange = 'opened' | 'closed';

export type CallSlot =
  | { readonly kind: 'acquired'; readonly release: Release }
  | {
      readonly kind: 'busy';
      readonly until: Instant;
      readonly reason: 'rate_limited' | 'channel_busy' | 'breaker_open' | 'channel_throttled';
    };

/** A channel, as its limits see it. */
export type LimitedChannel = {
  /** What the limits count by: a secret where the address is one. */
  readonly limitKey: string;
  readonly limits: ChannelLimits;
};

export type ChannelLimiter = {
  readonly acquire: (open: LimitedChannel, now: Instant) => CallSlot;
  readonly inFlight: () => number;
  /** Addresses that get no calls now, as the last ones failed. */
  readonly openBreakers: (now: Instant) => number;
};

/** This many failures in a row open a channel's breaker. */
const FAILURES_TO_OPEN = 5;
const BREAKER_OPEN: Backoff = { firstMs: 30_000, longestMs: 5 * 60_000 };
/** A channel is slow when a call takes longer, in milliseconds. */
const SLOW_MS = 1_000;
/** The shortest deferral, in milliseconds: each deferral costs an event. */
const SHORTEST_WAIT_MS = 1_000;
/** Channels kept in memory; beyond, idle ones are removed. */
const MAX_CHANNELS = 10_000;

type Channel = {
  /** When each call under way began. */
  readonly calls: Set<{ readonly since: Instant }>;
  /** For each rate: the time up to which its budget is spent. */
  readonly spent: number[];
  /** The end of the last deferral: deferrals end one after the other, not all at once. */
  lastDeferral: Instant;
  averageMs: number;
  failures: number;
  openings: number;
  openUntil: Instant;
  throttledUntil: Instant;
};

export function channelLimiter({
  slots,
}: {
  /** Calls under way over all channels. Slow channels get at most half of them. */
  readonly slots: number;
}): ChannelLimiter {
  const channels = new Map<string, Channel>();

  const channelOf = (key: string): Channel => {
    const found = channels.get(key);
    const channel = found ?? newChannel();
    // The map is ordered by last use: the first channel was not used for the longest time.
    if (found !== undefined) channels.delete(key);
    channels.set(key, channel);
    if (found === undefined && channels.size > MAX_CHANNELS) removeIdle(channels);
    return channel;
  };

  const total = (counts: (channel: Channel) => boolean): number => {
    let calls = 0;
    for (const channel of channels.values()) if (counts(channel)) calls += channel.calls.size;
    return calls;
  };

  return {
    inFlight: () => total(() => true),
    openBreakers: (now) => {
      let open = 0;
      for (const { openUntil } of channels.values()) if (openUntil > now) open += 1;
      return open;
    },
    acquire({ limitKey, limits: { inFlight, rates } }, now) {
      const channel = channelOf(limitKey);
      const busy = (reason: Extract<CallSlot, { kind: 'busy' }>['reason'], earliest: Instant) => {
        const until = Math.max(earliest, channel.lastDeferral, now + SHORTEST_WAIT_MS);
        channel.lastDeferral = until + spacing(channel, { inFlight, rates });
        return { kind: 'busy', reason, until } as const;
      };
      if (channel.throttledUntil > now) return busy('channel_throttled', channel.throttledUntil);
      if (channel.openUntil > now) return busy('breaker_open', channel.openUntil);
      // Half open: one call probes the channel.
      const isProbing = channel.openings > 0;
      if (channel.calls.size >= (isProbing ? 1 : inFlight)) return busy('channel_busy', now);
      if (isSlow(channel, now) && total((other) => isSlow(other, now)) >= slots / 2) {
        return busy('channel_busy', now);
      }
      const free = freeAt(channel, rates, now);
      if (free > now) return busy('rate_limited', free);
      spend(channel, rates, now);
      return acquired(channel, now);
    },
  };
}

function acquired(channel: Channel, since: Instant): CallSlot {
  const call = { since };
  channel.calls.add(call);
  return {
    kind: 'acquired',
    release(now, outcome, waitMs = 0) {
      if (!channel.calls.delete(call) || outcome === undefined) return undefined;
      channel.averageMs += (now - since - channel.averageMs) / 4;
      switch (outcome) {
        case 'accepted':
        case 'permanent': {
          // The channel answers, so the breaker closes.
          const wasOpen = channel.openings > 0;
          channel.failures = 0;
          channel.openings = 0;
          return wasOpen ? 'closed' : undefined;
        }
        case 'throttled':
          channel.throttledUntil = Math.max(channel.throttledUntil, now + waitMs);
          return undefined;
        case 'transient':
        case 'unknown':
        case 'suspect':
          channel.failures += 1;
          if (channel.failures < FAILURES_TO_OPEN && channel.openings === 0) return undefined;
          channel.openUntil = now + backoffCeilingMs(channel.openings, BREAKER_OPEN);
          channel.openings += 1;
          channel.failures = 0;
          // A probe that fails keeps it open.
          return channel.openings === 1 ? 'opened' : undefined;
      }
    },
  };
}

function newChannel(): Channel {
  const counts = { averageMs: 0, failures: 0, openings: 0 };
  const times = { lastDeferral: 0, openUntil: 0, throttledUntil: 0 };
  return { calls: new Set(), spent: [], ...counts, ...times };
}

function isSlow(channel: Channel, now: Instant): boolean {
  if (channel.averageMs > SLOW_MS) return true;
  for (const { since } of channel.calls) if (now - since > SLOW_MS) return true;
  return false;
}

function freeAt(channel: Channel, rates: readonly Rate[], now: Instant): Instant {
  return rates.reduce((latest, { count, perMs }, index) => {
    const spent = channel.spent[index] ?? 0;
    // A full burst is `perMs` of budget; one call costs `perMs / count`.
    return Math.max(latest, spent + perMs / count - perMs);
  }, now);
}

function spend(channel: Channel, rates: readonly Rate[], now: Instant): void {
  rates.forEach(({ count, perMs }, index) => {
    channel.spent[index] = Math.max(channel.spent[index] ?? 0, now) + perMs / count;
  });
}

/** Milliseconds between the ends of two deferrals. */
function spacing(channel: Channel, { inFlight, rates }: ChannelLimits): number {
  const byRate = rates.map(({ count, perMs }) => perMs / count);
  return Math.ceil(Math.max(1, channel.averageMs / inFlight, ...byRate));
}

function removeIdle(channels: Map<string, Channel>): void {
  for (const [key, { calls }] of channels) {
    if (calls.size > 0) continue;
    channels.delete(key);
    return;
  }
}

/** At most `count` calls in `perMs` milliseconds: a burst of `count`, then evenly spread. */
export type Rate = { readonly count: number; readonly perMs: number };

export type ChannelLimits = {
  /** Calls under way at once. */
  readonly inFlight: number;
  readonly rates: readonly Rate[];
};

/** The limits of a channel. */
export type LimitsOf = (target: ChannelTarget) => ChannelLimits;

const second = (count: number): Rate => ({ count, perMs: 1_000 });
const minute = (count: number): Rate => ({ count, perMs: 60_000 });

/** Below the limits of Feishu and Lark; for generic webhooks what a small server can take. */
export const DEFAULT_LIMITS: LimitsOf = ({ kind, bearerToken }) => {
  switch (kind) {
    case 'feishu_bot':
      return { inFlight: 4, rates: [second(5), minute(100)] };
    case 'feishu_flow':
      return { inFlight: 4, rates: [second(5)] };
    case 'feishu_base':
      return { inFlight: 4, rates: [second(bearerToken === undefined ? 1 : 5)] };
    case 'webhook':
      return { inFlight: 8, rates: [second(50)] };
  }
};
