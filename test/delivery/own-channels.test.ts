// Channels of an embedder's own: what their senders get, and what their outcomes lead to.
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineChannel } from '../../src/delivery.ts';
import { silentLogger } from '../../src/domain/ports/logger.ts';
import type { OutgoingMessage, SendOutcome } from '../../src/domain/ports/sender.ts';
import { defineTrigger, notify } from '../../src/index.ts';
import { readRequest } from '../../src/kernel/processes/delivery/read-request.ts';
import { laterWorld } from '../support/later.ts';
import { until } from '../support/until.ts';
import { anInput, eventsOf, raised } from '../support/world.ts';
import { deliveryWorld, type Notified } from './world.support.ts';

const invoiceOverdue = defineTrigger({
  type: 'invoice_overdue',
  targets: ['invoice'],
  payload: z.object({ amount: z.number() }),
  channel: 'email',
  texts: { title: 'Invoice overdue', action: 'Open it' },
  link: ({ targetId }) => `/invoices/${targetId}`,
  evaluate: ({ payload }) => notify({ summary: `${payload.amount} EUR are overdue.` }),
});

type Sent = { readonly message: OutgoingMessage; readonly address: string };

/** A world of invoices with an e-mail channel; users have addresses but for `nobody`. */
async function billing(answer: () => Promise<unknown> = () => Promise.resolve(undefined)) {
  const kernel = { triggers: [invoiceOverdue], channels: ['email'] };
  const world = await deliveryWorld({ kernel });
  const sent: Sent[] = [];
  const email = defineChannel({
    lookup: (userId) => (userId === 'nobody' ? undefined : `${userId}@example.com`),
    send: (message, address) => {
      sent.push({ message, address });
      // A sender in JavaScript may return anything.
      return answer() as Promise<SendOutcome | undefined>;
    },
  });
  const about = { triggerType: 'invoice_overdue', source: 'api_trigger', targetType: 'invoice' };
  const overdue = (userId: string): Promise<Notified> =>
    world.notify({ ...about, userId, severity: 'high', payload: { amount: 12 } });
  return { world, sent, overdue, worker: { channels: { email }, triggers: [invoiceOverdue] } };
}

describe('a channel of the embedder', () => {
  it('gets summary, texts of the type, link, payload and severity, with the address', async () => {
    const { world, sent, overdue, worker } = await billing();
    await using _world = world;
    await world.worker({ ...worker, texts: {}, frontendUrl: 'https://pay.example' });
    const notice = await overdue('ada');
    await world.when(notice, 'it is delivered', ({ phase }) => phase.status === 'delivered');
    expect(sent).toMatchObject([
      {
        address: 'ada@example.com',
        message: {
          notificationId: notice.id,
          title: 'Invoice overdue',
          summary: '12 EUR are overdue.',
          text: '12 EUR are overdue.\nhttps://pay.example/invoices/1',
          actionText: 'Open it',
          actionUrl: 'https://pay.example/invoices/1',
          payload: { amount: 12 },
          severity: 'high',
        },
      },
    ]);
    expect(world.calls).toEqual([]);
  });

  it('has no link where no frontend is configured', async () => {
    const { world, sent, overdue, worker } = await billing();
    await using _world = world;
    await world.worker({ ...worker, texts: {}, frontendUrl: undefined });
    const notice = await overdue('ada');
    await world.when(notice, 'it is delivered', ({ phase }) => phase.status === 'delivered');
    expect(sent[0]?.message).toMatchObject({ text: '12 EUR are overdue.', actionUrl: undefined });
  });

  it('gets the texts and the language that are chosen for the user', async () => {
    const { world, sent, overdue, worker } = await billing();
    await using _world = world;
    await world.worker({
      ...worker,
      texts: ({ userId, triggerType }) => ({ language: 'de', title: `${triggerType} ${userId}` }),
    });
    const notice = await overdue('ada');
    await world.when(notice, 'it is delivered', ({ phase }) => phase.status === 'delivered');
    expect(sent[0]?.message).toMatchObject({
      language: 'de',
      title: 'invoice_overdue ada',
      actionText: 'Open it',
    });
  });

  it('skips a user without an address', async () => {
    const { world, sent, overdue, worker } = await billing();
    await using _world = world;
    await world.worker(worker);
    const notice = await overdue('nobody');
    await world.when(notice, 'it is skipped', ({ phase }) => phase.status === 'skipped');
    const reason = 'no_channel';
    expect((await world.events(notice)).at(-1)).toMatchObject({ data: { reason } });
    expect(sent).toEqual([]);
  });

  it('counts an error of its sender as an unknown outcome, without the error’s text', async () => {
    const { world, overdue, worker } = await billing(() =>
      Promise.reject(new RangeError('smtp://user:secret@host')),
    );
    await using _world = world;
    await world.worker(worker);
    const notice = await overdue('ada');
    await world.when(
      notice,
      'the attempt is over',
      ({ attempts, phase }) => attempts === 1 && phase.status === 'waiting',
    );
    const events = await world.events(notice);
    expect(events.map(({ type }) => type)).toContain('AttemptOutcomeUnknown');
    expect(JSON.stringify(events)).toContain('RangeError');
    expect(JSON.stringify(events)).not.toContain('secret');
  });
});

describe('a sender that returns no outcome', () => {
  const wrong: readonly unknown[] = [
    'ok',
    false,
    { outcome: 'acepted' },
    { outcome: 'transient', code: 'x' },
    { outcome: 'throttled', code: 'x', detail: 'x', retryAfterMs: Number.NaN },
    { outcome: 'accepted', providerMessageId: 12 },
    { accepted: ['a'], rejected: [], messageId: '<x>', response: '250' },
  ];

  it.each(wrong)(
    'ends the delivery after two attempts, and is named in the log: %j',
    async (result) => {
      const { world, sent, overdue, worker } = await billing(() => Promise.resolve(result));
      await using _world = world;
      const errors: object[] = [];
      const logger = { ...silentLogger, error: (about: object) => void errors.push(about) };
      await world.worker({ ...worker, logger });
      const notice = await overdue('ada');
      await world.when(
        notice,
        'one attempt is over',
        ({ attempts, phase }) => attempts === 1 && phase.status === 'waiting',
      );
      await world.toNextDue(notice);
      const { used } = await world.when(
        notice,
        'it is dead',
        ({ phase }) => phase.status === 'dead',
      );
      expect(used).toBe(2);
      expect(sent).toHaveLength(2);
      expect((await world.events(notice)).at(-1)).toMatchObject({
        type: 'DeliveryDied',
        data: { reason: 'unparsable', doubtful: true },
      });
      expect(errors).toHaveLength(2);
      expect(errors[0]).toMatchObject({ channel: 'email', attempt: 1 });
      expect(JSON.stringify(errors[0])).toContain('must return an outcome');
    },
  );

  it('ends the delivery after one attempt where unknown outcomes are parked', async () => {
    const { world, sent, overdue, worker } = await billing(() => Promise.resolve('ok'));
    await using _world = world;
    await world.worker({ ...worker, onUnknown: 'park' });
    const notice = await overdue('ada');
    await world.when(notice, 'it is dead', ({ phase }) => phase.status === 'dead');
    expect(sent).toHaveLength(1);
  });
});

describe('the retry profile', () => {
  it('is reported for the types whose notifications expire before its last retry', async () => {
    await using world = await deliveryWorld();
    const warnings: unknown[] = [];
    const logger = { ...silentLogger, warn: (about: object) => void warnings.push(about) };
    const short = defineTrigger({ type: 'short', expiresIn: '50m' });
    const long = defineTrigger({ type: 'long', expiresIn: '2h' });
    await world.worker({ triggers: [short, long], profile: 'human', logger });
    expect(warnings).toEqual([
      { triggerType: 'short', expiresInMs: 3_000_000, retriesMs: 3_066_000 },
    ]);
  });
});

describe('readRequest', () => {
  it('finds the payload of a trigger that was evaluated after failures', async () => {
    let failures = 3;
    const world = await laterWorld({});
    await raised(world.kernel, anInput(1, { payload: { n: 1 } }));
    await using _worker = world.worker({
      evaluate: () => {
        failures -= 1;
        if (failures >= 0) return Promise.reject(new Error('not yet'));
        return Promise.resolve({ outcome: 'offer', kind: 'reminder' });
      },
    });
    await until('it is offered', async () => {
      world.time.advance(60_000);
      return (await world.types()).includes('NotificationRequested');
    });
    const events = await eventsOf(world.store);
    const request = events.find(({ type }) => type === 'NotificationRequested');
    if (request === undefined) throw new Error('no request');
    expect(request.revision).toBeGreaterThan(3n);
    const { stream, revision } = request;
    const at = { stream, revision: String(revision) };
    expect(await readRequest(world.store, 'tocsin', at)).toMatchObject({
      value: { payload: { n: 1 } },
    });
  });
});
