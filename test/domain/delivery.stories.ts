// Random sequences of commands on a delivery, for property tests.
import fc from 'fast-check';
import {
  decideDelivery,
  type DeliveryCommand,
  type DeliveryRules,
} from '../../src/domain/delivery/decide.ts';
import type { DeliveryEvent } from '../../src/domain/delivery/events.ts';
import { RETRY_PROFILES } from '../../src/domain/delivery/retry-schedule.ts';
import { evolveDelivery, type DeliveryState } from '../../src/domain/delivery/state.ts';
import type { SendOutcome } from '../../src/domain/ports/sender.ts';
import { facts, HOUR, LEASE_MS, T0 } from './delivery.support.ts';

const words = { code: 'some_code', detail: 'some words' };
const outcome: fc.Arbitrary<SendOutcome> = fc.oneof(
  fc.constant<SendOutcome>({ outcome: 'accepted' }),
  fc.constantFrom('transient', 'permanent', 'unknown', 'suspect').map((kind) => ({
    outcome: kind,
    ...words,
  })),
  fc
    .nat(2 * HOUR)
    .map((retryAfterMs) => ({ outcome: 'throttled' as const, ...words, retryAfterMs })),
);

// Small numbers, so that right, late and wrong attempts all occur.
const attempt = fc.integer({ min: 1, max: 12 });
const command: fc.Arbitrary<DeliveryCommand> = fc.oneof(
  { weight: 6, arbitrary: attempt.map((n) => startOf(n)) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('record_outcome'), attempt, outcome }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('expire_lease'), attempt }) },
  fc
    .nat(2 * HOUR)
    .map((ms) => ({ kind: 'defer' as const, until: T0 + ms, reason: 'rate_limited' })),
  fc.constantFrom<DeliveryCommand>(
    { kind: 'skip', reason: 'no_channel' },
    { kind: 'expire' },
    { kind: 'cancel', reason: 'preview_applied' },
    { kind: 'accept', facts },
    { kind: 'redrive', reason: 'operator', of: 'ended' },
    { kind: 'redrive', reason: 'channel_configured', of: 'skipped' },
  ),
);

export const startOf = (attempt: number): DeliveryCommand => ({
  kind: 'start',
  attempt,
  leaseMs: LEASE_MS,
  channelVersion: 1,
});

export const rules: fc.Arbitrary<DeliveryRules> = fc.record({
  profile: fc.constantFrom(RETRY_PROFILES.human, RETRY_PROFILES.seed),
  onUnknown: fc.constantFrom('resend', 'park'),
});

/** Commands with the milliseconds before each. */
export const story = fc.array(fc.tuple(fc.nat(400_000), command), { maxLength: 60 });

export type Played = {
  readonly events: readonly DeliveryEvent[];
  readonly states: DeliveryState[];
};

/** Executes a story on an accepted delivery, and shows each decision to `inspect`. */
export function play(
  story: readonly (readonly [number, DeliveryCommand])[],
  by: DeliveryRules,
  inspect: (before: DeliveryState, step: readonly DeliveryEvent[], now: number) => void = () =>
    undefined,
): Played {
  let state: DeliveryState;
  const events: DeliveryEvent[] = [];
  const states: DeliveryState[] = [];
  let now = T0;
  const all: (readonly [number, DeliveryCommand])[] = [[0, { kind: 'accept', facts }], ...story];
  for (const [wait, next] of all) {
    now += wait;
    const decided = decideDelivery(state, next, { recordedAt: now, rules: by });
    const step = decided.ok ? decided.value : [];
    inspect(state, step, now);
    for (const event of step) state = evolveDelivery(state, event);
    events.push(...step);
    states.push(state);
  }
  return { events, states };
}

/** A story and the rules for it. */
export const anyStory = fc.tuple(story, rules);

export const playStory = ([commands, by]: readonly [
  readonly (readonly [number, DeliveryCommand])[],
  DeliveryRules,
]): Played => play(commands, by);
