// Who may call whom now: rate limit, calls under way and circuit breaker per channel, in memory. It is
// no truth, so it is no event; that a delivery had to wait for it is one.
//
// A channel is its address: users who share a bot share its limits. Addresses are secrets, so they stay
// in here.
import type { Instant } from '../../../domain/core/instants.ts';
import type { ChannelTarget, SendOutcome } from '../../../domain/ports/sender.ts';
import { DEFAULT_LIMITS, type ChannelLimits, type LimitsOf } from './rate-limits.ts';

export type GateOptions = {
  readonly limits?: LimitsOf | undefined;
  /** Calls under way over all channels; the half of them is for channels that are not slow. */
  readonly slots: number;
};

/** The answer to who wants to call. */
export type Admission =
  | {
      readonly kind: 'go';
      /** Must be called once: how the call ended, or `undefined` when there was none. */
      readonly leave: (
        now: Instant,
        outcome: SendOutcome['outcome'] | undefined,
        retryAfterMs?: number,
      ) => void;
    }
  | {
      readonly kind: 'wait';
      readonly until: Instant;
      readonly reason: 'rate_limited' | 'channel_busy' | 'breaker_open' | 'channel_throttled';
    };

export type ChannelGate = {
  readonly enter: (target: ChannelTarget, now: Instant) => Admission;
  /** Calls under way. */
  readonly inFlight: () => number;
};

/** This many failures in a row open a channel's breaker. */
const FAILURES_TO_OPEN = 5;
const FIRST_OPEN_MS = 30_000;
const LONGEST_OPEN_MS = 5 * 60_000;
/** A channel that takes longer per call is a slow one. */
const SLOW_MS = 1_000;
/** Nobody is sent away for less: coming back costs an event. */
const SHORTEST_WAIT_MS = 1_000;
/** Channels remembered; beyond, those that nobody uses are forgotten. */
const MAX_CHANNELS = 10_000;

type Channel = {
  /** When each call under way began. */
  readonly calls: Set<{ readonly since: Instant }>;
  /** Per rate: the time up to which its budget is spent. */
  readonly spent: number[];
  /** Those who had to wait are told times one after the other, so that they do not come back at once. */
  lineEnd: Instant;
  averageMs: number;
  failures: number;
  openings: number;
  openUntil: Instant;
  throttledUntil: Instant;
};

/** Makes a gate. */
export function channelGate({ limits = DEFAULT_LIMITS, slots }: GateOptions): ChannelGate {
  const channels = new Map<string, Channel>();

  const channelOf = (target: ChannelTarget): Channel => {
    const key = `${target.kind} ${target.url}`;
    const found = channels.get(key);
    const channel = found ?? newChannel();
    // Moved to the end: the first are those that were not used for the longest time.
    if (found !== undefined) channels.delete(key);
    channels.set(key, channel);
    if (found === undefined && channels.size > MAX_CHANNELS) forgetOne(channels);
    return channel;
  };

  const total = (counts: (channel: Channel) => boolean): number => {
    let calls = 0;
    for (const channel of channels.values()) if (counts(channel)) calls += channel.calls.size;
    return calls;
  };

  return {
    inFlight: () => total(() => true),
    enter(target, now) {
      const channel = channelOf(target);
      const { inFlight, rates } = limits(target);
      const wait = (reason: Extract<Admission, { kind: 'wait' }>['reason'], earliest: Instant) => {
        const until = Math.max(earliest, channel.lineEnd, now + SHORTEST_WAIT_MS);
        channel.lineEnd = until + spacing(channel, { inFlight, rates });
        return { kind: 'wait', reason, until } as const;
      };
      if (channel.throttledUntil > now) return wait('channel_throttled', channel.throttledUntil);
      if (channel.openUntil > now) return wait('breaker_open', channel.openUntil);
      // Half open: one call shows whether the channel is back.
      const isProbing = channel.openings > 0;
      if (channel.calls.size >= (isProbing ? 1 : inFlight)) return wait('channel_busy', now);
      if (isSlow(channel, now) && total((other) => isSlow(other, now)) >= slots / 2) {
        return wait('channel_busy', now);
      }
      const free = freeAt(channel, rates, now);
      if (free > now) return wait('rate_limited', free);
      spend(channel, rates, now);
      return go(channel, now);
    },
  };
}

function go(channel: Channel, since: Instant): Admission {
  const call = { since };
  channel.calls.add(call);
  return {
    kind: 'go',
    leave(now, outcome, retryAfterMs = 0) {
      if (!channel.calls.delete(call) || outcome === undefined) return;
      channel.averageMs += (now - since - channel.averageMs) / 4;
      switch (outcome) {
        case 'accepted':
        case 'permanent':
          // It answers: whatever is wrong is not its being there.
          channel.failures = 0;
          channel.openings = 0;
          return;
        case 'throttled':
          channel.throttledUntil = Math.max(channel.throttledUntil, now + retryAfterMs);
          return;
        case 'transient':
        case 'unknown':
        case 'suspect':
          channel.failures += 1;
          if (channel.failures < FAILURES_TO_OPEN && channel.openings === 0) return;
          channel.openUntil =
            now + Math.min(FIRST_OPEN_MS * 2 ** channel.openings, LONGEST_OPEN_MS);
          channel.openings += 1;
          channel.failures = 0;
      }
    },
  };
}

function newChannel(): Channel {
  const counts = { averageMs: 0, failures: 0, openings: 0 };
  const times = { lineEnd: 0, openUntil: 0, throttledUntil: 0 };
  return { calls: new Set(), spent: [], ...counts, ...times };
}

function isSlow(channel: Channel, now: Instant): boolean {
  if (channel.averageMs > SLOW_MS) return true;
  for (const { since } of channel.calls) if (now - since > SLOW_MS) return true;
  return false;
}

/** When every rate has room for one more call. */
function freeAt(channel: Channel, rates: readonly Rate[], now: Instant): Instant {
  return rates.reduce((latest, { count, perMs }, index) => {
    const spent = channel.spent[index] ?? 0;
    // A full burst is `perMs` of budget; one call costs perMs / count of it.
    return Math.max(latest, spent + perMs / count - perMs);
  }, now);
}

function spend(channel: Channel, rates: readonly Rate[], now: Instant): void {
  rates.forEach(({ count, perMs }, index) => {
    channel.spent[index] = Math.max(channel.spent[index] ?? 0, now) + perMs / count;
  });
}

/** How far apart those who wait come back. */
function spacing(channel: Channel, { inFlight, rates }: ChannelLimits): number {
  const byRate = rates.map(({ count, perMs }) => perMs / count);
  return Math.ceil(Math.max(1, channel.averageMs / inFlight, ...byRate));
}

function forgetOne(channels: Map<string, Channel>): void {
  for (const [key, { calls }] of channels) {
    if (calls.size > 0) continue;
    channels.delete(key);
    return;
  }
}

type Rate = ChannelLimits['rates'][number];
