// The projector in fair weather: each message once and in order, from a start, a stop and a start again.
import { describe, expect, it } from 'vitest';
import { MessageHeaders, parseMessage } from '../../src/contracts.ts';
import { decidedList, storedList } from '../support/decided.ts';
import { openedLists } from '../support/log-edits.ts';
import { until } from '../support/until.ts';
import { anInput, makeWorld, raised, type World } from '../support/world.ts';

/** Three triggers in one window, one in the next, one of another user: five raised, three notified. */
async function someRaises({ kernel }: World): Promise<void> {
  const at = (time: string) => ({ requestedAt: `2026-01-01T${time}Z` });
  await raised(kernel, anInput(1, at('09:00:00')));
  await raised(kernel, anInput(2, at('09:29:59.999')));
  await raised(kernel, anInput(3, at('09:30:00')));
  await raised(kernel, anInput(4, { ...at('09:10:00'), userId: 'ada.l' }));
  await raised(kernel, anInput(5, at('09:01:00')));
}

describe('projector', () => {
  it('publishes each decided message once and in order, and returns a summary', async () => {
    const world = await makeWorld();
    await someRaises(world);
    const summary = await world.project();
    expect(summary).toMatchObject({ triggered: 5, published: 3, suppressed: 2, parked: 0 });
    expect(summary.outputSequence).toBe(8n);
    expect(storedList(world.output)).toEqual(await decidedList(world.store));
    expect(world.output.messages.map(({ subject }) => subject)).toEqual([
      'active_schedule.triggered.92.1',
      'notification.feishu.requested.92.1',
      'active_schedule.triggered.92.1',
      'active_schedule.triggered.92.1',
      'notification.feishu.requested.92.1',
      'active_schedule.triggered.70.ada%2El',
      'notification.feishu.requested.70.ada%2El',
      'active_schedule.triggered.92.1',
    ]);
  });

  it('writes messages that match their published contract', async () => {
    const world = await makeWorld();
    await someRaises(world);
    await world.kernel.raise(anInput(9, { mockNow: '2026-01-02T00:00:00Z' }));
    await world.project();
    expect(world.output.messages).toHaveLength(10);
    for (const { subject, data, headers } of world.output.messages) {
      const parsed = parseMessage(subject, data);
      expect(parsed).toMatchObject({ ok: true, contract: headers.get('ce-type') });
      expect(MessageHeaders.parse(Object.fromEntries(headers))).toBeDefined();
    }
  });

  it('stores a verdict with its reason for each request', async () => {
    const world = await makeWorld();
    await someRaises(world);
    await world.project();
    const { verdicts, sentNotifications, reasons } = world.file.snapshot();
    expect(verdicts.map(({ verdict, reason }) => `${verdict} ${reason}`)).toEqual([
      'published first_in_window',
      'suppressed within_window',
      'published first_in_window',
      'published first_in_window',
      'suppressed within_window',
    ]);
    expect(verdicts[1]?.basis).toBe(sentNotifications[0]?.id);
    expect(verdicts[0]).toMatchObject({
      messageId: sentNotifications[0]?.id,
      sequence: 2n,
      basis: null,
    });
    expect(reasons).toEqual(new Map([['within_window', 2]]));
  });

  it('sends no message again at a second start', async () => {
    const world = await makeWorld();
    await someRaises(world);
    await world.project();
    expect(await world.project()).toMatchObject({ events: 0, triggered: 0, published: 0 });
    expect(world.output.messages).toHaveLength(8);
    expect(await openedLists(world.store)).toMatchObject([{ mode: 'first', base: '0' }]);
  });

  it('follows the log while it runs, resolves whenPast, and stops with no message in flight', async () => {
    const world = await makeWorld();
    const projector = world.projector();
    const stop = new AbortController();
    const run = projector.run(stop.signal);
    const { position } = await raised(world.kernel, anInput(1));
    if (position === undefined) throw new Error('a raise has a place');
    await projector.whenPast(position);
    expect(world.output.messages).toHaveLength(2);
    await until('caught up', () => projector.status().caughtUp);
    expect(projector.status()).toMatchObject({ phase: 'running', role: 'active', inFlight: 0 });
    await raised(world.kernel, anInput(2, { userId: 2 }));
    await until('the second raise is out', () => world.output.messages.length === 4);
    stop.abort();
    await run;
    expect(projector.status()).toMatchObject({ phase: 'stopped', lagEvents: 0 });
    expect(world.output.sessions.live).toBe(0);
  });

  it('refuses to run twice at once, and rejects whenPast when it stops', async () => {
    const world = await makeWorld();
    const projector = world.projector();
    const stop = new AbortController();
    const run = projector.run(stop.signal);
    await expect(projector.run(stop.signal)).rejects.toMatchObject({ code: 'projector_running' });
    const waiting = projector.whenPast({ commit: 10n ** 15n, prepare: 10n ** 15n });
    stop.abort();
    await run;
    await expect(waiting).rejects.toMatchObject({ code: 'projector_stopped' });
  });

  it('stops at its signal while the server is away', async () => {
    const world = await makeWorld();
    await someRaises(world);
    world.output.reachable = false;
    const projector = world.projector();
    const stop = new AbortController();
    const once = projector.once({}, stop.signal);
    await until('it has tried', () => projector.status().lastFailure !== undefined);
    stop.abort();
    await expect(once).resolves.toMatchObject({ published: 0, outputSequence: 0n });
  });

  it('stops at its signal during catch-up', async () => {
    const world = await makeWorld();
    await someRaises(world);
    world.output.holdAcks();
    const projector = world.projector();
    const stop = new AbortController();
    const once = projector.once({}, stop.signal);
    await until('messages are on their way', () => projector.status().inFlight > 0);
    stop.abort();
    world.output.releaseAcks();
    await expect(once).resolves.toMatchObject({ published: 3 });
  });

  it('waits for a server that is away, and gives up after giveUpAfterMs', async () => {
    const world = await makeWorld();
    await someRaises(world);
    world.output.reachable = false;
    await expect(world.project({ giveUpAfterMs: 20 })).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'dependency_away',
    });
    const projector = world.projector();
    const once = projector.once();
    await until('it has tried', () => projector.status().lastFailure !== undefined);
    world.output.reachable = true;
    await expect(once).resolves.toMatchObject({ triggered: 5, published: 3 });
  });
});
