// W22: somebody without a channel is told nothing; who gets one while the preview lives, is told then.
import { describe, expect, it } from 'vitest';
import { HOUR } from '../domain/delivery.support.ts';
import { until } from '../support/until.ts';
import { deliveryWorld } from './world.support.ts';

describe('W22: what was skipped for want of a channel', () => {
  it('goes out when the user configures one before the preview’s end', async () => {
    await using world = await deliveryWorld();
    world.closed.set('1', 'no_channel').set('2', 'no_channel');
    await world.worker();
    const mine = await world.notify({ userId: 1 });
    const other = await world.notify({ userId: 2 });
    await world.when(mine, 'it is skipped', ({ phase }) => phase.status === 'skipped');
    await world.when(other, 'it is skipped', ({ phase }) => phase.status === 'skipped');
    await world.configure('1');
    await world.when(mine, 'it is delivered', ({ phase }) => phase.status === 'delivered');
    expect((await world.events(mine)).map(({ type }) => type)).toEqual([
      'NotificationAccepted',
      'DeliverySkipped',
      'DeliveryRedriven',
      'AttemptStarted',
      'AttemptSucceeded',
    ]);
    expect((await world.delivery(other))?.phase.status).toBe('skipped');
  });

  it('goes out too when the channel came between the look for it and the skip', async () => {
    await using world = await deliveryWorld();
    world.closed.set('1', 'no_channel');
    let looked = false;
    await world.worker({
      // The channel is configured while the worker still believes that there is none.
      lookup: async (userId, channel) => {
        const reason = world.closed.get(userId);
        if (reason !== undefined && !looked) {
          looked = true;
          await world.configure(userId);
          return { kind: 'closed', reason };
        }
        return world.lookup(userId, channel);
      },
    });
    const notice = await world.notify();
    await world.when(notice, 'it is delivered', ({ phase }) => phase.status === 'delivered');
    expect((await world.delivery(notice))?.redrives).toBe(1);
  });

  it('does not go out after the preview’s end, and not twice', async () => {
    await using world = await deliveryWorld();
    world.closed.set('1', 'no_channel');
    await world.worker();
    await using second = await world.worker();
    const late = await world.notify();
    await world.when(late, 'it is skipped', ({ phase }) => phase.status === 'skipped');
    world.time.advance(HOUR);
    await world.configure('1');
    const next = await world.notify();
    await world.when(next, 'it is delivered', ({ phase }) => phase.status === 'delivered');
    await world.configure('1');
    await until('the marks are worked off', () => second.list.marks(1).length === 0);
    expect((await world.delivery(late))?.phase.status).toBe('skipped');
    expect(world.calls).toHaveLength(1);
  });

  it('goes out when the worker starts only after the channel was configured', async () => {
    await using world = await deliveryWorld();
    world.closed.set('1', 'channel_disabled');
    const first = await world.worker();
    const notice = await world.notify();
    await world.when(notice, 'it is skipped', ({ phase }) => phase.status === 'skipped');
    await first[Symbol.asyncDispose]();
    await world.configure('1');
    await world.worker();
    await world.when(notice, 'it is delivered', ({ phase }) => phase.status === 'delivered');
  });

  it('planted: without reviving, as the seed has it, nothing goes out', async () => {
    await using world = await deliveryWorld();
    world.closed.set('1', 'no_channel');
    await world.worker({ list: undefined });
    const notice = await world.notify();
    await world.when(notice, 'it is skipped', ({ phase }) => phase.status === 'skipped');
    await world.configure('1');
    // A later notice of the same user is delivered, so the worker has long seen the channel.
    world.time.advance(HOUR / 2);
    const next = await world.notify();
    await world.when(next, 'it is delivered', ({ phase }) => phase.status === 'delivered');
    expect((await world.delivery(notice))?.phase.status).toBe('skipped');
  });
});
