// Numbers, times and texts that an embedder gives as options: each that is out of range is refused by its name.
import { describe, expect, it } from 'vitest';
import { deliveryProcesses, evaluationProcess, type DeliveryOptions } from '../../src/delivery.ts';
import { isBlankText } from '../../src/domain/core/text.ts';
import { bearerTokens, createHttpApp, createTokens } from '../../src/http.ts';
import { defineTrigger, notify } from '../../src/index.ts';
import { createDeliveries } from '../../src/kernel/deliveries.ts';
import { fixedClock, inMemoryTocsin } from '../../src/testing.ts';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { memoryDueIndexStore } from '../support/due-indexes.ts';
import { anInput, makeWorld } from '../support/world.ts';

const NUMBERS: readonly unknown[] = [Number.NaN, Infinity, 0, -1, 1.5, '8', null];

const delivery = (options: object) =>
  deliveryProcesses({
    store: memoryStore(),
    requests: {} as DeliveryOptions['requests'],
    indexes: memoryDueIndexStore().open('log'),
    ...options,
  });

describe('a number out of range', () => {
  it.each(NUMBERS)(
    'is refused as the concurrency of raiseAll, deliveries, evaluations: %s',
    async (n) => {
      const concurrency = n as number;
      const refused = {
        kind: 'usage',
        code: 'invalid_option',
        hint: expect.stringContaining('Use a whole number from 1') as string,
      };
      const { kernel, store } = await makeWorld();
      const all = () => kernel.raiseAll([anInput(1)], { concurrency });
      expect(all).toThrow(expect.objectContaining(refused));
      expect(() => delivery({ concurrency })).toThrow(expect.objectContaining(refused));
      const index = memoryDueIndexStore().open('log').open('evaluation.1');
      const evaluate = () => Promise.resolve(notify());
      const evaluation = () =>
        evaluationProcess({ store, index, evaluate, triggers: [], concurrency });
      expect(evaluation).toThrow(expect.objectContaining(refused));
    },
  );

  it.each(NUMBERS)('is refused as a rate or a size of the HTTP API: %s', async (n) => {
    const { kernel, store } = await makeWorld();
    const authenticate = bearerTokens(createTokens({ store }));
    const number = n as number;
    const app = (more: object) => () => createHttpApp({ kernel, authenticate, ...more });
    const refusedAs = (name: string) =>
      expect.objectContaining({
        code: 'invalid_option',
        message: expect.stringContaining(`${name} is `) as string,
        hint: expect.stringMatching(/number from 0?[.\d]+ to \d/) as string,
      }) as Error;
    expect(app({ rate: { perSecond: 1, burst: number } })).toThrow(refusedAs('rate.burst'));
    expect(app({ maxBodyBytes: number })).toThrow(refusedAs('maxBodyBytes'));
    // Fewer than one request in a second is a rate.
    const perSecond = number === 1.5 ? 1e9 : number;
    expect(app({ rate: { perSecond, burst: 1 } })).toThrow(refusedAs('rate.perSecond'));
  });

  it('is refused as a deadline, a timeout, a pace, a wait and a time', async () => {
    const { kernel, store } = await makeWorld();
    const deadlineMs = Number.NaN;
    const refused = { code: 'invalid_option' };
    await expect(kernel.raise(anInput(1), { deadlineMs })).rejects.toMatchObject(refused);
    const keyed = anInput(1, { idempotencyKey: 'k' });
    await expect(kernel.raise(keyed, { deadlineMs })).rejects.toMatchObject(refused);
    for (const profile of [{ waits: [Number.NaN] }, { waits: [-1] }, {}, 'humane']) {
      expect(() => delivery({ profile })).toThrow(expect.objectContaining(refused));
    }
    expect(() => delivery({ leaseMs: Number.NaN })).toThrow('lease');
    const redrivesPerSecond = Number.NaN;
    const index = () => undefined;
    expect(() => createDeliveries({ store, index, redrivesPerSecond })).toThrow(
      'redrivesPerSecond',
    );
    expect(() => fixedClock(Number.NaN)).toThrow(RangeError);
    expect(() => {
      fixedClock().advance(Number.NaN);
    }).toThrow('NaN');
  });

  it.each<[string, unknown]>([
    ['text that is no date', 'not a date'],
    ['an invalid Date', new Date('not a date')],
    ['a number', 1_800_000_000_000],
    ['nothing', undefined],
  ])('is refused as the end of a mute: %s', async (_what, until) => {
    const { kernel } = await makeWorld();
    const mute = { triggerType: '*', reason: 'calm', until: until as Date };
    expect(await kernel.policies.mute(mute)).toMatchObject({
      outcome: 'rejected',
      code: 'mute_invalid',
      issues: [{ field: 'until' }],
    });
    const text = { ...mute, until: '2026-01-01T11:00:00Z' };
    expect(await kernel.policies.mute(text)).toMatchObject({ outcome: 'changed' });
  });
});

const invoice = (texts: object, summary?: string) =>
  defineTrigger({
    type: 'invoice_overdue',
    targets: ['invoice'],
    channel: 'email',
    texts,
    evaluate: () => notify(summary === undefined ? {} : { summary }),
  });

describe('a text that shows nothing', () => {
  const BLANKS = [
    '',
    '  ',
    '\n\t',
    '\u200b',
    '\u2060\ufeff',
    '\u3164',
    '\u2800',
    '\u00ad',
    '\u202e\u200f',
  ];

  it.each(BLANKS)('is blank: %j', async (blank) => {
    expect(isBlankText(blank)).toBe(true);
    const triggers = [invoice({ title: blank, fallback: blank, nothingElse: blank }, blank)];
    await using tocsin = await inMemoryTocsin({ triggers });
    const input = { userId: 'ada', triggerType: 'invoice_overdue', targetId: 'INV-1' };
    const dryRun = await tocsin.dryRun(input);
    expect(dryRun).toMatchObject({
      value: { warnings: [{ code: 'summary_blank' }, { code: 'text_blank' }] },
    });
    await tocsin.raise(input);
    await tocsin.settle();
    expect(tocsin.sent).toMatchObject([
      { message: { title: '', summary: '', text: 'invoice_overdue INV-1' } },
    ]);
  });

  it('gives way to the fallback, and to the title', async () => {
    for (const [texts, text] of [
      [{ title: 'Invoice', fallback: 'Look at it.' }, 'Look at it.'],
      [{ title: 'Invoice' }, 'Invoice'],
    ] as const) {
      await using tocsin = await inMemoryTocsin({ triggers: [invoice(texts, '\u200b')] });
      await tocsin.raise({ userId: 1, triggerType: 'invoice_overdue', targetId: 1 });
      await tocsin.settle();
      expect(tocsin.sent).toMatchObject([{ message: { text } }]);
    }
  });

  it.each(['a', '·', '👍', '👩‍👩‍👧', 'ع', '字', '​a'])('is not blank: %j', (text) => {
    expect(isBlankText(text)).toBe(false);
  });
});
