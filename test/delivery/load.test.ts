// Slow and failing channels do not delay other channels.
import { describe, expect, it } from 'vitest';
import type { SendOutcome } from '../../src/domain/ports/sender.ts';
import {
  channelLimiter,
  type ChannelLimits,
} from '../../src/kernel/processes/delivery/channel-limiter.ts';
import { T0 } from '../domain/delivery.support.ts';
import { until } from '../support/until.ts';
import { deliveryWorld, targetOf } from './world.support.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';

const TRANSIENT: SendOutcome = { outcome: 'transient', code: 'provider_5xx', detail: '' };

describe('delivery worker under load', () => {
  it(
    'delivers to others while many wait for their retry',
    async () => {
      await using world = await deliveryWorld();
      const many = 150;
      const worker = await world.worker({
        // Even users have channels that fail.
        send: (notice) =>
          Promise.resolve(
            Number(notice.userId) % 2 === 0 ? TRANSIENT : { outcome: 'accepted' as const },
          ),
      });
      for (let n = 1; n <= many; n += 1) await world.kernel.raise(inputOf(2 * n));
      const first = await world.notify({ userId: 2 * many + 2 });
      await world.when(first, 'it has failed', ({ attempts }) => attempts === 1);
      await until('they all wait', () => (worker.list.counts().waiting ?? 0) > many);
      const other = await world.notify({ userId: 1 });
      await world.when(other, 'it is delivered', ({ phase }) => phase.status === 'delivered');
    },
    SLOW_TEST_MS,
  );

  it(
    'delivers to others while a channel’s calls all hang',
    async () => {
      await using world = await deliveryWorld();
      let hanging = 0;
      // A call after the release must not hang.
      const { promise: released, resolve: release } = Promise.withResolvers<undefined>();
      await world.worker({
        concurrency: 16,
        send: async (_notice, target) => {
          if (target.url === 'https://slow.example/') {
            hanging += 1;
            await released;
          }
          return { outcome: 'accepted' };
        },
        lookup: (userId, channel) =>
          Promise.resolve({
            kind: 'open',
            target: {
              ...targetOf(userId, channel),
              ...(userId === '1' ? {} : { url: 'https://slow.example/' }),
            },
          }),
      });
      for (let n = 2; n <= 60; n += 1) await world.kernel.raise(inputOf(n));
      const other = await world.notify({ userId: 1 });
      await world.when(other, 'it is delivered', ({ phase }) => phase.status === 'delivered');
      expect(hanging).toBeLessThanOrEqual(4);
      release(undefined);
    },
    SLOW_TEST_MS,
  );
});

const inputOf = (user: number) => ({
  userId: user,
  triggerType: 'important_urgent_task',
  source: 'api_trigger' as const,
  targetType: 'task_pool' as const,
  targetId: 1,
});

describe('channelLimiter', () => {
  const limits = { inFlight: 2, rates: [{ count: 4, perMs: 1_000 }] };
  const free = { inFlight: 4, rates: [] };
  const acquire = (
    limiter: ReturnType<typeof channelLimiter>,
    now: number,
    allowed: ChannelLimits = limits,
  ) => limiter.acquire({ limitKey: 'one', limits: allowed }, now);

  it('allows a limited number of calls at once, and defers the others to different times', () => {
    const limiter = channelLimiter({ slots: 16 });
    const first = acquire(limiter, T0);
    expect([first.kind, acquire(limiter, T0).kind]).toEqual(['acquired', 'acquired']);
    const [a, b] = [acquire(limiter, T0), acquire(limiter, T0)];
    if (a.kind !== 'busy' || b.kind !== 'busy') throw new Error('they were acquired');
    expect(a.reason).toBe('channel_busy');
    expect(b.until).toBeGreaterThan(a.until);
    if (first.kind === 'acquired') first.release(T0 + 10, 'accepted');
    expect(acquire(limiter, T0 + 10).kind).toBe('acquired');
    expect(limiter.inFlight()).toBe(2);
  });

  it('keeps the rate: a burst, then evenly spread', () => {
    const limiter = channelLimiter({ slots: 16 });
    let admitted = 0;
    for (let now = T0; now < T0 + 10_000; now += 50) {
      const slot = acquire(limiter, now);
      if (slot.kind !== 'acquired') continue;
      admitted += 1;
      slot.release(now, 'accepted');
    }
    expect(admitted).toBeGreaterThanOrEqual(40);
    expect(admitted).toBeLessThanOrEqual(44);
  });

  it('opens the breaker after failures in a row, probes with one call, and closes after a success', () => {
    const limiter = channelLimiter({ slots: 16 });
    for (let n = 0; n < 5; n += 1) {
      const slot = acquire(limiter, T0, free);
      if (slot.kind === 'acquired') slot.release(T0, 'transient');
    }
    expect(acquire(limiter, T0 + 29_999, free)).toMatchObject({
      kind: 'busy',
      reason: 'breaker_open',
    });
    const probe = acquire(limiter, T0 + 30_000, free);
    expect([probe.kind, acquire(limiter, T0 + 30_000, free).kind]).toEqual(['acquired', 'busy']);
    if (probe.kind === 'acquired') probe.release(T0 + 30_000, 'accepted');
    expect(acquire(limiter, T0 + 30_001, free).kind).toBe('acquired');
    expect(acquire(limiter, T0 + 30_001, free).kind).toBe('acquired');
  });

  it('defers all calls of a throttled channel', () => {
    const limiter = channelLimiter({ slots: 16 });
    const slot = acquire(limiter, T0);
    if (slot.kind === 'acquired') slot.release(T0, 'throttled', 90_000);
    expect(acquire(limiter, T0 + 1)).toMatchObject({ reason: 'channel_throttled' });
    expect(acquire(limiter, T0 + 90_000).kind).toBe('acquired');
  });

  it('reserves half of the slots for channels that are not slow', () => {
    const limiter = channelLimiter({ slots: 16 });
    const many = { inFlight: 100, rates: [] };
    const slow = (n: number) => limiter.acquire({ limitKey: `slow ${n}`, limits: many }, T0);
    for (let n = 0; n < 8; n += 1) expect(slow(n).kind).toBe('acquired');
    const later = T0 + 2_000;
    expect(limiter.acquire({ limitKey: 'slow 1', limits: many }, later)).toMatchObject({
      kind: 'busy',
      reason: 'channel_busy',
    });
    expect(limiter.acquire({ limitKey: 'https://quick.example/', limits: many }, later).kind).toBe(
      'acquired',
    );
  });
});
