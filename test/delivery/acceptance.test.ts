// Acceptance of delivery on both stores, by the numbers of docs/acceptance.md.
import { describe, expect, it } from 'vitest';
import { HOUR, T0 } from '../domain/delivery.support.ts';
import { deliveryWorld, STORES, type DeliveryWorld, type StoreKind } from './world.support.ts';
import { until } from '../support/until.ts';
import { scheduleTexts } from '../../src/schedule/texts.ts';

const TIMEOUT = { outcome: 'transient', code: 'provider_timeout', detail: 'no answer' } as const;

const types = async (world: DeliveryWorld, notice: Awaited<ReturnType<DeliveryWorld['notify']>>) =>
  (await world.events(notice)).map(({ type }) => type);

describe.each(STORES)('delivery on the %s store', (store: StoreKind) => {
  it('acceptance 22: a stored preview’s notification request is published and consumed', async () => {
    await using world = await deliveryWorld({ store });
    await world.worker();
    const notice = await world.notify();
    await world.when(notice, 'it is delivered', ({ phase }) => phase.status === 'delivered');
    const sequences = world.output.messages
      .filter(({ subject }) => subject.startsWith('notification.feishu.requested.'))
      .map(({ sequence }) => ({ sequence, answer: 'ack' }));
    expect(sequences).toHaveLength(1);
    expect(world.requests.answers).toEqual(sequences);
  });

  it('acceptance 23: the delivery is recorded before the provider is called', async () => {
    await using world = await deliveryWorld({ store });
    const atCall: string[][] = [];
    const notice = await world.notify();
    world.answers.push(async () => {
      atCall.push(await types(world, notice));
      return { outcome: 'accepted' };
    });
    await world.worker();
    await world.when(notice, 'it is delivered', ({ phase }) => phase.status === 'delivered');
    expect(atCall).toEqual([['NotificationAccepted', 'AttemptStarted']]);
  });

  it('acceptance 24: the text is the summary, with the preview’s link in it', async () => {
    await using world = await deliveryWorld({ store });
    await world.worker({ frontendUrl: 'https://app.example/' });
    const notice = await world.notify();
    await world.when(notice, 'it is delivered', ({ phase }) => phase.status === 'delivered');
    const link = `https://app.example/schedule-adjust/${notice.previewId}`;
    expect(world.calls[0]?.notice).toMatchObject({
      text: `${scheduleTexts.en.summaries['important_urgent_task'] ?? ''}\n${link}`,
      actionUrl: link,
      title: scheduleTexts.en.title,
      actionText: scheduleTexts.en.action,
    });
  });

  it('acceptance 26: a success ends the delivery, with the code of the provider', async () => {
    await using world = await deliveryWorld({ store });
    world.answers.push({ outcome: 'accepted', code: '0', providerMessageId: 'om_1' });
    await world.worker();
    const notice = await world.notify();
    const delivery = await world.when(
      notice,
      'it is delivered',
      ({ phase }) => phase.status === 'delivered',
    );
    expect(delivery).toMatchObject({ attempts: 1, open: undefined, reason: '0' });
    expect((await world.events(notice)).at(-1)).toMatchObject({
      type: 'AttemptSucceeded',
      data: { attempt: 1, code: '0', providerMessageId: 'om_1' },
    });
  });

  it('acceptance 27: a transient failure is counted, and has a code and the time of the next attempt', async () => {
    await using world = await deliveryWorld({ store });
    world.answers.push(TIMEOUT);
    await world.worker({ profile: 'seed' });
    const notice = await world.notify();
    const { phase, attempts, reason } = await world.when(
      notice,
      'it has failed',
      ({ phase, attempts }) => phase.status === 'waiting' && attempts === 1,
    );
    expect({ attempts, reason }).toEqual({ attempts: 1, reason: 'provider_timeout' });
    const dueAt = phase.status === 'waiting' ? phase.dueAt : 0;
    expect(dueAt - T0).toBeGreaterThanOrEqual(4 * 60_000);
    expect(dueAt - T0).toBeLessThanOrEqual(6 * 60_000);
  });

  it('acceptance 28: the same delivery succeeds when the channel works again', async () => {
    await using world = await deliveryWorld({ store });
    world.answers.push(TIMEOUT, TIMEOUT);
    await world.worker({ profile: 'seed' });
    const notice = await world.notify();
    for (const attempt of [1, 2]) {
      await world.when(
        notice,
        'it has failed',
        ({ attempts, open }) => attempts === attempt && open === undefined,
      );
      await world.toNextDue(notice);
    }
    const delivery = await world.when(
      notice,
      'it is delivered',
      ({ phase }) => phase.status === 'delivered',
    );
    expect(delivery.attempts).toBe(3);
    expect(world.calls.map(({ notice: { attempt } }) => attempt)).toEqual([1, 2, 3]);
  });

  it('acceptance 29: a permanent failure ends the delivery as dead, with its code', async () => {
    await using world = await deliveryWorld({ store });
    world.answers.push({ outcome: 'permanent', code: 'invalid_url', detail: 'http is not https' });
    await world.worker();
    const notice = await world.notify();
    const delivery = await world.when(notice, 'it is dead', ({ phase }) => phase.status === 'dead');
    expect(delivery.reason).toBe('invalid_url');
    world.time.advance(30 * 60_000);
    expect(world.calls).toHaveLength(1);
  });

  it('acceptance 30: a delivery without attempts left is dead, and not tried again', async () => {
    await using world = await deliveryWorld({ store });
    world.answers.push(...Array.from({ length: 6 }, () => TIMEOUT));
    await world.worker({ profile: 'human' });
    const notice = await world.notify();
    for (const attempt of [1, 2, 3, 4, 5]) {
      await world.when(
        notice,
        'it has failed',
        ({ attempts, open }) => attempts === attempt && open === undefined,
      );
      await world.toNextDue(notice);
    }
    const delivery = await world.when(notice, 'it is dead', ({ phase }) => phase.status === 'dead');
    expect(delivery).toMatchObject({ attempts: 6, reason: 'attempts_exhausted' });
    expect(world.time.now()).toBeLessThan(T0 + HOUR);
  });

  it('acceptance 31: a second request in the window makes no message and no delivery', async () => {
    await using world = await deliveryWorld({ store });
    await world.worker();
    const first = await world.notify();
    const second = await world.notify();
    await world.when(first, 'it is delivered', ({ phase }) => phase.status === 'delivered');
    expect(await world.delivery(second)).toBeUndefined();
    expect(world.calls).toHaveLength(1);
  });

  it.each(['no_channel', 'channel_disabled'] as const)(
    'acceptance 32: with %s it is skipped, not retried, and everything else stays',
    async (reason) => {
      await using world = await deliveryWorld({ store });
      world.closed.set('1', reason);
      await world.worker();
      const notice = await world.notify();
      const delivery = await world.when(
        notice,
        'it is skipped',
        ({ phase }) => phase.status === 'skipped',
      );
      expect(delivery).toMatchObject({ reason, attempts: 0 });
      world.time.advance(30 * 60_000);
      expect(world.calls).toEqual([]);
      expect((await world.kernel.trigger(notice.triggerId))?.status).toBe('offered');
      expect(world.requests.answers.map(({ answer }) => answer)).toEqual(['ack']);
    },
  );

  it('acceptance 46: the preview stays open whatever the provider answers', async () => {
    await using world = await deliveryWorld({ store });
    world.answers.push({ outcome: 'permanent', code: 'gone', detail: '' });
    await world.worker();
    const notice = await world.notify();
    await world.when(notice, 'it is dead', ({ phase }) => phase.status === 'dead');
    const trigger = await world.kernel.trigger(notice.triggerId);
    expect(trigger).toMatchObject({
      status: 'offered',
      preview: { previewId: notice.previewId },
    });
  });

  it('disables a channel that is gone only when the next attempt gets the same answer', async () => {
    await using world = await deliveryWorld({ store });
    const gone = {
      outcome: 'permanent',
      code: 'gone',
      detail: '',
      confirm: true,
      channel: 'disable',
    } as const;
    world.answers.push(gone, gone);
    const reports: string[] = [];
    await world.worker({
      report: ({ advice }) => Promise.resolve(void reports.push(advice)),
    });
    const notice = await world.notify();
    await world.when(notice, 'it failed once', ({ attempts, phase }) => {
      return attempts === 1 && phase.status === 'waiting';
    });
    expect(reports).toEqual([]);
    await world.toNextDue(notice);
    await world.when(notice, 'it is dead', ({ phase }) => phase.status === 'dead');
    await until('the channel is reported', () => reports.length > 0);
    expect(reports).toEqual(['disable']);
  });

  it('ends a delivery at the second 404 also when the worker died between the two', async () => {
    await using world = await deliveryWorld({ store });
    const missing = { outcome: 'permanent', code: 'http_404', detail: '', confirm: true } as const;
    world.answers.push(missing, missing, missing);
    const first = await world.worker();
    const notice = await world.notify();
    await world.when(notice, 'it failed once', ({ attempts, phase }) => {
      return attempts === 1 && phase.status === 'waiting';
    });
    first.kill();
    await world.worker();
    await world.toNextDue(notice);
    const delivery = await world.when(notice, 'it is dead', ({ phase }) => phase.status === 'dead');
    expect(delivery).toMatchObject({ attempts: 2, reason: 'http_404' });
    expect(world.calls).toHaveLength(2);
  });

  it('acceptance 52: disabled delivery calls no provider and records the reason', async () => {
    await using world = await deliveryWorld({ store });
    await world.worker({ enabled: false });
    const notice = await world.notify();
    const delivery = await world.when(
      notice,
      'it is skipped',
      ({ phase }) => phase.status === 'skipped',
    );
    expect(delivery.reason).toBe('delivery_disabled');
    expect(world.calls).toEqual([]);
  });
});

describe('outgoingMessage', () => {
  it.each([[''], ['see https://evil.example/'], ['   ']])(
    'acceptance 25: for the summary %j the fixed fallback is used, and the chain goes on',
    async (summary) => {
      await using world = await deliveryWorld({
        kernel: { evaluate: () => ({ outcome: 'offer', kind: 'reminder', summary }) },
      });
      await world.worker();
      const notice = await world.notify();
      await world.when(notice, 'it is delivered', ({ phase }) => phase.status === 'delivered');
      const link = `https://tocsin.example.com/schedule-adjust/${notice.previewId}`;
      expect(world.calls[0]?.notice.text).toBe(`${scheduleTexts.en.fallback}${link}`);
    },
  );

  it('is in the configured language', async () => {
    await using world = await deliveryWorld();
    await world.worker({ texts: scheduleTexts['zh-CN'] });
    const notice = await world.notify();
    await world.when(notice, 'it is delivered', ({ phase }) => phase.status === 'delivered');
    expect(world.calls[0]?.notice.title).toBe(scheduleTexts['zh-CN'].title);
  });

  it('is never made for mock traffic', async () => {
    await using world = await deliveryWorld();
    await world.worker();
    const mock = await world.notify({ mockNow: '2026-01-01T10:00:00Z' });
    const real = await world.notify();
    await world.when(real, 'it is delivered', ({ phase }) => phase.status === 'delivered');
    expect(await world.delivery(mock)).toBeUndefined();
    expect(world.calls).toHaveLength(1);
  });
});
