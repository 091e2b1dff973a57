// Functions of the embedder that throw, hang or answer nonsense while a delivery needs them: the delivery waits, the
// error is logged, other users get their messages, and a stop does not wait for them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { defineChannel, type DeliveryOptions } from '../../src/delivery.ts';
import { silentLogger } from '../../src/domain/ports/logger.ts';
import type { ChannelLookup } from '../../src/domain/ports/sender.ts';
import type { Logger } from '../../src/domain/ports/logger.ts';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { wakeSignal } from '../../src/domain/core/wake-signal.ts';
import { defineTrigger, notify, openTocsin } from '../../src/index.ts';
import type { DeliveryIndex } from '../../src/kernel/processes/delivery/delivery-index.ts';
import { deliveryContext } from '../../src/kernel/processes/delivery/processes.ts';
import { redriveSkippedProcess } from '../../src/kernel/processes/delivery/redrive-skipped.ts';
import { until } from '../support/until.ts';
import { virtualTime } from '../support/virtual-time.ts';
import { deliveryWorld, type DeliveryWorld, type Notified } from './world.support.ts';

const invoiceOverdue = defineTrigger({
  type: 'invoice_overdue',
  targets: ['invoice'],
  channel: 'email',
  expiresIn: '1h',
  evaluate: () => notify({ summary: 'An invoice is overdue.' }),
});

const hangs = (): Promise<never> => new Promise(() => undefined);

type Line = Readonly<Record<string, unknown>>;

/** A world of invoices, with the lines that its workers log as errors, and what users were sent. */
async function billing() {
  const world = await deliveryWorld({
    kernel: { triggers: [invoiceOverdue], channels: ['email', 'sms'] },
  });
  const errors: Line[] = [];
  const sent: string[] = [];
  const logger = { ...silentLogger, error: (about: object) => void errors.push({ ...about }) };
  const send: Parameters<typeof defineChannel<string>>[0]['send'] = ({ userId }) => {
    sent.push(userId);
    return Promise.resolve(undefined);
  };
  const overdue = (userId: string, channel = 'email'): Promise<Notified> =>
    world.notify({
      userId,
      channel,
      triggerType: 'invoice_overdue',
      source: 'api_trigger',
      targetType: 'invoice',
    });
  return { world, errors, sent, send, logger, overdue };
}

const isDelivered = ({ phase }: { phase: { status: string } }) => phase.status === 'delivered';
const hasDeferred = async (world: DeliveryWorld, notice: Notified) =>
  (await world.events(notice)).findLast(({ type }) => type === 'DeliveryDeferred');

describe('a lookup of a channel', () => {
  type Lookup = (userId: string, signal: AbortSignal) => string | Promise<string>;
  const faults: readonly (readonly [string, Lookup, string])[] = [
    [
      'throws',
      () => {
        throw new RangeError('the directory is away');
      },
      'the directory is away',
    ],
    ['rejects', () => Promise.reject(new RangeError('no route')), 'no route'],
    ['hangs', hangs, 'the lookup of the channel email gave no answer within 10000 ms'],
  ];

  it.each(faults)(
    'that %s makes its delivery wait, and no other',
    async (_what, fault, message) => {
      const { world, errors, sent, send, logger, overdue } = await billing();
      await using _world = world;
      let isMended = false;
      const email = defineChannel({
        lookup: (userId, signal) =>
          userId === 'bob' && !isMended ? fault(userId, signal) : userId,
        send,
      });
      await world.worker({ channels: { email }, triggers: [invoiceOverdue], texts: {}, logger });
      const waiting = await overdue('bob');
      const other = await overdue('ada');
      await world.when(other, 'the other is delivered', isDelivered);
      // A lookup that hangs is over when its time is.
      await until('the lookup has failed', async () => {
        world.time.advance(1_000);
        return hasDeferred(world, waiting);
      });
      expect(errors).toMatchObject([
        { stream: waiting.stream, userId: 'bob', channel: 'email', reason: 'lookup_failed' },
      ]);
      expect(errors[0]?.['err']).toMatchObject({ message });
      expect(await hasDeferred(world, waiting)).toMatchObject({
        data: { reason: 'lookup_failed' },
      });
      isMended = true;
      await world.toNextDue(waiting);
      await world.when(waiting, 'it is delivered', isDelivered);
      expect(sent).toEqual(['ada', 'bob']);
    },
  );

  it('waits longer the older its notification is, and never past its life', async () => {
    const { world, send, overdue } = await billing();
    await using _world = world;
    const email = defineChannel<string>({
      lookup: () => Promise.reject(new Error('no route')),
      send,
    });
    await world.worker({ channels: { email }, triggers: [invoiceOverdue], texts: {} });
    const notice = await overdue('bob');
    const waits: number[] = [];
    for (;;) {
      const { phase } = await world.when(
        notice,
        'it waits, or is over',
        ({ phase: { status }, facts: { expiresAt } }) =>
          status === 'expired' || (status === 'waiting' && expiresAt > 0),
      );
      if (phase.status !== 'waiting') break;
      const { dueAt } = phase;
      if (dueAt > world.time.now()) {
        waits.push(dueAt - world.time.now());
        world.time.advance(dueAt - world.time.now());
      } else await until('it changed', async () => (await world.delivery(notice))?.phase !== phase);
    }
    expect(waits[0]).toBe(5_000);
    expect(Math.max(...waits)).toBe(5 * 60_000);
    expect(waits.length).toBeLessThan(40);
    const total = waits.reduce((sum, wait) => sum + wait, 0);
    expect(total).toBe(60 * 60_000);
  });

  it('gets a signal that is raised at its deadline, and at the stop of the worker', async () => {
    const { world, send, overdue } = await billing();
    await using _world = world;
    const signals: AbortSignal[] = [];
    const email = defineChannel<string>({
      lookup: (_user, signal) => {
        signals.push(signal);
        return hangs();
      },
      send,
    });
    const worker = await world.worker({
      channels: { email },
      triggers: [invoiceOverdue],
      texts: {},
    });
    const notice = await overdue('bob');
    await until('it is asked', () => signals.length === 1);
    world.time.advance(10_000);
    await until('the first is over', () => signals[0]?.aborted);
    await until('it waits', () => hasDeferred(world, notice));
    await world.toNextDue(notice);
    await until('it is asked again', () => signals.length === 2);
    expect(signals[1]?.aborted).toBe(false);
    // The stop ends, although time stands still.
    await worker[Symbol.asyncDispose]();
    expect(signals[1]?.aborted).toBe(true);
  });

  it('that hangs for many users leaves slots for other channels', async () => {
    const { world, sent, send, overdue } = await billing();
    await using _world = world;
    let asked = 0;
    const channels: DeliveryOptions['channels'] = {
      email: defineChannel<string>({
        lookup: () => {
          asked += 1;
          return hangs();
        },
        send,
      }),
      sms: defineChannel({ lookup: (userId) => userId, send }),
    };
    await world.worker({ channels, triggers: [invoiceOverdue], texts: {}, concurrency: 4 });
    for (let user = 1; user <= 3; user += 1) await overdue(`user${user}`);
    await until('three hang', () => asked === 3);
    world.time.advance(2_000);
    // The channel is known to be slow, so the others of it wait outside.
    const outside = await overdue('user4');
    await until('it waits', () => hasDeferred(world, outside));
    expect(await hasDeferred(world, outside)).toMatchObject({ data: { reason: 'channel_busy' } });
    await world.when(await overdue('ada', 'sms'), 'the other channel delivers', isDelivered);
    expect(sent).toEqual(['ada']);
  });

  it('of addresses in Tocsin that hangs or answers nonsense makes its delivery wait', async () => {
    const nothing: unknown = undefined;
    for (const answer of [hangs, () => Promise.resolve(nothing)]) {
      await using world = await deliveryWorld();
      // A lookup in JavaScript may return anything.
      const lookup = answer as ChannelLookup;
      await world.worker({ lookup });
      const notice = await world.notify();
      await until('it waits', async () => {
        world.time.advance(1_000);
        return hasDeferred(world, notice);
      });
      expect(world.calls).toEqual([]);
    }
  });

  it('that hangs does not keep `close` from ending, and no part is left behind', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tocsin-failing-host-'));
    const asked = Promise.withResolvers<AbortSignal>();
    const warnings: string[] = [];
    const logger: Logger = {
      ...silentLogger,
      warn: (_about, text) => void warnings.push(text),
    };
    const lookup = (_user: string, signal: AbortSignal): Promise<string> => {
      asked.resolve(signal);
      return hangs();
    };
    const channels = { email: { lookup, send: () => Promise.resolve(undefined) } };
    const tocsin = await openTocsin({ folder, triggers: [invoiceOverdue], channels, logger });
    const running = tocsin.run(new AbortController().signal);
    await tocsin.raise(invoiceOverdue, { userId: 'bob', targetId: 1 });
    const signal = await asked.promise;
    await tocsin.close();
    await running;
    expect(signal.aborted).toBe(true);
    expect(warnings).toEqual([]);
    rmSync(folder, { recursive: true });
  });
});

describe('the redrive of skipped deliveries', () => {
  it('reaches users whose marks stand behind those of many users whose lookups fail', async () => {
    const time = virtualTime();
    const marks = Array.from({ length: 150 }, (_, index) => ({
      userId: `user${index}`,
      since: BigInt(index),
    }));
    const asked: string[] = [];
    const index: Pick<DeliveryIndex, 'list' | 'marks' | 'unmark'> = {
      marks: (limit) => marks.slice(0, limit),
      unmark: ({ userId }) => {
        marks.splice(
          marks.findIndex((mark) => mark.userId === userId),
          1,
        );
      },
      list: () => [{ ...aRow, expiresAt: time.now() + 60_000 }],
    };
    const process = redriveSkippedProcess({
      index: index as DeliveryIndex,
      records: deliveryContext({ store: memoryStore(), runtime: time }),
      runtime: time,
      marked: wakeSignal(),
      logger: silentLogger,
      findChannel: (userId) => {
        asked.push(userId);
        const isBroken = Number(userId.slice(4)) < 120;
        if (Number(userId.slice(4)) === 0) return hangs();
        if (isBroken) return Promise.reject(new Error('no route'));
        return Promise.resolve({ kind: 'closed', reason: 'no_channel' });
      },
    });
    const stop = new AbortController();
    const running = process.run(stop.signal);
    await until('the others are read, while one lookup hangs', () => {
      if (asked.length === 100) time.advance(10_000);
      return marks.length === 120;
    });
    expect(asked.filter((userId) => userId === 'user0')).toHaveLength(1);
    stop.abort();
    await running;
  });
});

const aRow = {
  notificationId: 'n1',
  stream: 'tocsin.notification-1',
  userId: 'user1',
  channel: 'email',
  status: 'skipped',
  reason: 'no_channel',
  attempts: 0,
  triggerId: 'ast_1',
  triggerType: 'invoice_overdue',
  previewId: 'asp_1',
  dueAt: null,
  changedAt: 0,
  requestedAt: 0,
  expiresAt: 0,
  number: 1,
} as const;

describe('the texts of a worker', () => {
  const faults: readonly (readonly [string, unknown])[] = [
    ['throw', () => Promise.reject(new RangeError('no catalogue'))],
    ['hang', hangs],
    ['are undefined', () => undefined],
    ['are no text', () => ({ title: 5 })],
    ['have a fallback that is no text', () => ({ fallback: null })],
  ];

  it.each(faults)('that %s make the delivery wait without an attempt', async (_what, fault) => {
    const { world, errors, sent, send, logger, overdue } = await billing();
    await using _world = world;
    const email = defineChannel({ lookup: (userId) => userId, send });
    // Texts in JavaScript may be anything.
    const texts = fault as NonNullable<DeliveryOptions['texts']>;
    await world.worker({ channels: { email }, triggers: [invoiceOverdue], texts, logger });
    const notice = await overdue('bob');
    await until('it waits', async () => {
      world.time.advance(1_000);
      return hasDeferred(world, notice);
    });
    expect(await hasDeferred(world, notice)).toMatchObject({ data: { reason: 'texts_failed' } });
    expect(errors).toMatchObject([{ stream: notice.stream, reason: 'texts_failed' }]);
    expect(errors[0]?.['err']).toBeInstanceOf(Error);
    expect((await world.delivery(notice))?.attempts).toBe(0);
    expect(sent).toEqual([]);
  });

  it('that are undefined in one sentence count as not given', async () => {
    const { world, sent, send, overdue } = await billing();
    await using _world = world;
    const email = defineChannel({ lookup: (userId) => userId, send });
    const texts = () => ({ title: undefined, fallback: undefined }) as object;
    await world.worker({ channels: { email }, triggers: [invoiceOverdue], texts });
    await world.when(await overdue('bob'), 'it is delivered', isDelivered);
    expect(sent).toEqual(['bob']);
  });
});
