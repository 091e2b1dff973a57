// Redriving deliveries that were skipped for want of a channel (W22 in docs/weaknesses.md).
import { describe, expect, it } from 'vitest';
import { HOUR } from '../domain/delivery.support.ts';
import { until } from '../support/until.ts';
import { deliveryWorld } from './world.support.ts';

describe('W22: redriveSkippedProcess', () => {
  it('sends when the user configures a channel before the end of the preview', async () => {
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

  it('sends when the channel is configured between its lookup and the skip', async () => {
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

  it('sends nothing after the end of the preview, and nothing twice', async () => {
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

  it('sends when the worker starts after the channel was configured', async () => {
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

  it('sends nothing without redriving (the planted old rule)', async () => {
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
