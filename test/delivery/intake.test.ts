// Intake of messages: the log decides, not the message. Hostile messages look plausible.
import { describe, expect, it } from 'vitest';
import type { OutputMessage } from '../../src/projections/output.ts';
import { openWorker } from '../../src/kernel/open-worker.ts';
import { HOUR } from '../domain/delivery.support.ts';
import { until } from '../support/until.ts';
import { deliveryWorld, type DeliveryWorld } from './world.support.ts';

const sent = (world: DeliveryWorld) =>
  world.output.messages.filter(({ subject }) => subject.startsWith('notification.'));

/** A copy of the last notification, with other headers. */
function forged(world: DeliveryWorld, change: Readonly<Record<string, string>>): OutputMessage {
  const original = sent(world).at(-1);
  if (original === undefined) throw new Error('nothing was sent');
  const headers = new Map([...original.headers, ...Object.entries(change)]);
  return { subject: original.subject, headers: [...headers], data: original.data };
}

describe('intakeProcess', () => {
  it('W3: records a message once that is delivered several times', async () => {
    await using world = await deliveryWorld();
    await world.worker();
    const notice = await world.notify();
    await world.when(notice, 'it is delivered', ({ phase }) => phase.status === 'delivered');
    const [message] = sent(world);
    if (message === undefined) throw new Error('nothing was sent');
    for (const time of [2, 3, 4]) {
      world.requests.redeliver(message.sequence);
      await until('it came again', () => world.requests.answers.length === time);
    }
    expect(world.requests.answers.every(({ answer }) => answer === 'ack')).toBe(true);
    const types = (await world.events(notice)).map(({ type }) => type);
    expect(types.filter((type) => type === 'NotificationAccepted')).toHaveLength(1);
    expect(world.calls).toHaveLength(1);
  });

  it.each([
    ['another id', { 'ce-id': '6072f595-6a17-5132-a9b1-daa475c1b68e' }],
    ['no id at all', { 'ce-id': 'x' }],
    ['another event of the stream', { 'Tocsin-Revision': '0' }],
    ['an event that is not there', { 'Tocsin-Revision': '99' }],
    ['no number', { 'Tocsin-Revision': '-1' }],
    ['a stream that is no trigger’s', { 'Tocsin-Stream': 'tocsin.control' }],
    ['a stream that is not there', { 'Tocsin-Stream': 'tocsin.trigger-aa-1' }],
  ])('terminates a message with %s, and records nothing', async (_, change) => {
    await using world = await deliveryWorld();
    const notice = await world.notify();
    world.output.insertForeign(forged(world, change));
    const bare = { subject: sent(world)[0]?.subject ?? '', headers: [] };
    world.output.insertForeign(bare);
    await world.worker();
    await until('all three are answered', () => world.requests.answers.length === 3);
    const [, ...foreign] = [...world.requests.answers].sort((a, b) =>
      Number(a.sequence - b.sequence),
    );
    expect(foreign.map(({ answer }) => answer)).toEqual(['term', 'term']);
    await world.when(notice, 'it is delivered', ({ phase }) => phase.status === 'delivered');
    expect(world.calls).toHaveLength(1);
  });

  it('acknowledges no message while the log cannot be written', async () => {
    let away = true;
    await using world = await deliveryWorld({
      faults: (operation) =>
        away && operation.kind === 'append' && operation.stream.startsWith('tocsin.notification-')
          ? { fault: 'refuse', reason: 'storage_full' }
          : undefined,
    });
    await world.worker();
    const notice = await world.notify();
    await until('it failed', () => world.requests.answers.length > 2);
    expect(world.requests.answers.every(({ answer }) => answer === 'failed')).toBe(true);
    away = false;
    await world.when(notice, 'it is delivered', ({ phase }) => phase.status === 'delivered');
  });

  it('waits out an outage of the store while the queue connects', async () => {
    let away = false;
    let refused = 0;
    await using world = await deliveryWorld({
      faults: (operation) => {
        if (!away || operation.kind !== 'readStream' || !operation.stream.endsWith('.control')) {
          return undefined;
        }
        refused += 1;
        away = refused < 2;
        return { fault: 'unavailable' };
      },
    });
    const notice = await world.notify();
    away = true;
    await world.worker();
    await world.when(notice, 'it is delivered', ({ phase }) => phase.status === 'delivered');
    expect(refused).toBe(2);
  });

  it('records a notification as expired when no worker accepted it in time', async () => {
    await using world = await deliveryWorld();
    const notice = await world.notify();
    world.time.advance(HOUR);
    await world.worker();
    const { attempts } = await world.when(
      notice,
      'it is expired',
      ({ phase }) => phase.status === 'expired',
    );
    expect(attempts).toBe(0);
    expect(world.calls).toEqual([]);
  });

  it('ends the worker when the queue belongs to another log, and acknowledges nothing', async () => {
    await using world = await deliveryWorld({ created: '2001-01-01T00:00:00Z' });
    await world.notify();
    const worker = await world.worker();
    await expect(worker.ended).rejects.toMatchObject({
      kind: 'refused',
      code: 'inbox_of_other_log',
    });
    expect(world.requests.answers).toEqual([]);
  });
});

describe('openWorker', () => {
  const idle = (name: string) => ({
    name,
    run: (signal: AbortSignal) =>
      new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => {
          resolve();
        });
      }),
  });

  it('runs its processes until the signal', async () => {
    const worker = openWorker({ processes: [idle('a'), idle('b')] });
    const stop = new AbortController();
    const running = worker.run(stop.signal);
    expect(worker.status()).toMatchObject({ running: ['a', 'b'], failure: undefined });
    stop.abort();
    await running;
    expect(worker.status().running).toEqual([]);
  });

  it('stops all processes when one fails, and names it', async () => {
    const broken = { name: 'broken', run: () => Promise.reject(new Error('no more')) };
    const worker = openWorker({ processes: [idle('a'), broken] });
    await expect(worker.run(new AbortController().signal)).rejects.toThrow('no more');
    expect(worker.status()).toMatchObject({ running: [], failure: 'broken: no more' });
    expect(() => openWorker({ processes: [idle('a'), idle('a')] })).toThrow(/two processes/);
  });
});
