// Slow and failing channels hold nobody else up.
import { describe, expect, it } from 'vitest';
import type { SendOutcome } from '../../src/domain/ports/sender.ts';
import { channelGate } from '../../src/kernel/processes/delivery/channel-gate.ts';
import { T0 } from '../domain/delivery.support.ts';
import { until } from '../support/until.ts';
import { deliveryWorld, targetOf } from './world.support.ts';

const slowMs = 120_000;
const TRANSIENT: SendOutcome = { outcome: 'transient', code: 'provider_5xx', detail: '' };

describe('the worker', () => {
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
      await until('they all wait', () => (worker.list.counts().waiting ?? 0) > many, slowMs);
      const other = await world.notify({ userId: 1 });
      await world.when(other, 'it is delivered', ({ phase }) => phase.status === 'delivered');
    },
    slowMs,
  );

  it(
    'delivers to others while a channel’s calls all hang',
    async () => {
      await using world = await deliveryWorld();
      let hanging = 0;
      // Whoever gets a place after the release must not hang: nobody would wake it.
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
    slowMs,
  );
});

const inputOf = (user: number) => ({
  userId: user,
  triggerType: 'important_urgent_task',
  source: 'api_trigger' as const,
  targetType: 'task_pool' as const,
  targetId: 1,
});

describe('the gate', () => {
  const target = targetOf('1', 'feishu');
  const limits = () => ({ inFlight: 2, rates: [{ count: 4, perMs: 1_000 }] });
  const enter = (gate: ReturnType<typeof channelGate>, now: number) => gate.enter(target, now);

  it('lets so many calls in at once, and sends the others away for different times', () => {
    const gate = channelGate({ limits, slots: 16 });
    const first = enter(gate, T0);
    expect([first.kind, enter(gate, T0).kind]).toEqual(['go', 'go']);
    const [a, b] = [enter(gate, T0), enter(gate, T0)];
    if (a.kind !== 'wait' || b.kind !== 'wait') throw new Error('they were let in');
    expect(a.reason).toBe('channel_busy');
    expect(b.until).toBeGreaterThan(a.until);
    if (first.kind === 'go') first.leave(T0 + 10, 'accepted');
    expect(enter(gate, T0 + 10).kind).toBe('go');
    expect(gate.inFlight()).toBe(2);
  });

  it('keeps to the rate, a burst and then evenly', () => {
    const gate = channelGate({ limits, slots: 16 });
    let admitted = 0;
    for (let now = T0; now < T0 + 10_000; now += 50) {
      const admission = enter(gate, now);
      if (admission.kind !== 'go') continue;
      admitted += 1;
      admission.leave(now, 'accepted');
    }
    expect(admitted).toBeGreaterThanOrEqual(40);
    expect(admitted).toBeLessThanOrEqual(44);
  });

  it('opens its breaker after failures in a row, probes with one, and closes after a success', () => {
    const gate = channelGate({ limits: () => ({ inFlight: 4, rates: [] }), slots: 16 });
    for (let n = 0; n < 5; n += 1) {
      const admission = enter(gate, T0);
      if (admission.kind === 'go') admission.leave(T0, 'transient');
    }
    expect(enter(gate, T0 + 29_999)).toMatchObject({ kind: 'wait', reason: 'breaker_open' });
    const probe = enter(gate, T0 + 30_000);
    expect([probe.kind, enter(gate, T0 + 30_000).kind]).toEqual(['go', 'wait']);
    if (probe.kind === 'go') probe.leave(T0 + 30_000, 'accepted');
    expect(enter(gate, T0 + 30_001).kind).toBe('go');
    expect(enter(gate, T0 + 30_001).kind).toBe('go');
  });

  it('holds everybody on a channel whose provider asked for patience', () => {
    const gate = channelGate({ limits, slots: 16 });
    const admission = enter(gate, T0);
    if (admission.kind === 'go') admission.leave(T0, 'throttled', 90_000);
    expect(enter(gate, T0 + 1)).toMatchObject({ reason: 'channel_throttled' });
    expect(enter(gate, T0 + 90_000).kind).toBe('go');
  });

  it('leaves half of the places to channels that are not slow', () => {
    const gate = channelGate({ limits: () => ({ inFlight: 100, rates: [] }), slots: 16 });
    const slow = (n: number) => gate.enter({ ...target, url: `https://slow.example/${n}` }, T0);
    for (let n = 0; n < 8; n += 1) expect(slow(n).kind).toBe('go');
    const later = T0 + 2_000;
    expect(gate.enter({ ...target, url: 'https://slow.example/1' }, later)).toMatchObject({
      kind: 'wait',
      reason: 'channel_busy',
    });
    expect(gate.enter({ ...target, url: 'https://quick.example/' }, later).kind).toBe('go');
  });
});
