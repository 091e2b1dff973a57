// The rate limits of each kind of channel, a little below the providers' published limits.
import type { ChannelTarget } from '../../../domain/ports/sender.ts';

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
