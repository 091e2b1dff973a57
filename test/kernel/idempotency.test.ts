// Idempotency keys: one request has one effect permanently, also after a crash between claim and trigger.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Evaluation } from '../../src/domain/trigger/evaluation.ts';
import { defineTrigger } from '../../src/index.ts';
import type { StoreOperation } from '../../src/testing.ts';
import { anInput, eventsOf, makeWorld, raised } from '../support/world.ts';
import { scripted, triggerEvents } from './kernel.support.ts';

const AT = '2026-01-01T09:50:00Z';
const keyed = (n: number, more = {}) =>
  anInput(n, { idempotencyKey: 'k', requestedAt: AT, ...more });

const appends = (category: string) => (operation: StoreOperation) =>
  operation.kind === 'append' && operation.stream.startsWith(`tocsin.${category}-`);

describe('raise with an idempotency key', () => {
  it('appends the claim first, then the trigger', async () => {
    const { kernel, store } = await makeWorld();
    const before = (await eventsOf(store)).length;
    const { triggerId } = await raised(kernel, keyed(1));
    const [claim, ...trigger] = (await eventsOf(store)).slice(before);
    expect(claim).toMatchObject({
      type: 'IdempotencyClaimed',
      data: { idempotencyKey: 'k', occurrence: 1, requestedAt: '2026-01-01T09:50:00.000Z' },
    });
    expect(trigger.map(({ type }) => type)).toEqual([
      'TriggerRaised',
      'PreviewOffered',
      'NotificationRequested',
    ]);
    expect(trigger[0]?.data).toMatchObject({ triggerId, idempotencyKey: 'k' });
  });

  it('answers a repeat with the same trigger, also after the clock and the defaults changed', async () => {
    const { kernel, clock, store } = await makeWorld();
    const input = anInput(1, { idempotencyKey: 'k' });
    const { triggerId } = await raised(kernel, input);
    const before = (await eventsOf(store)).length;
    clock.advance(45 * 60_000);
    const answer = { outcome: 'duplicate', duplicate: true, triggerId };
    expect(await kernel.raise(input)).toEqual(answer);
    expect(await eventsOf(store)).toHaveLength(before);
  });

  it('answers a repeat with the claimed occurrence, whatever its state and whatever followed', async () => {
    let evaluation: Evaluation = { outcome: 'reject', code: 'no_such_task', reason: 'gone' };
    const { kernel, store } = await makeWorld({ kernel: { evaluate: () => evaluation } });
    const first = await raised(kernel, keyed(1));
    evaluation = { outcome: 'offer', kind: 'proposal' };
    const second = await raised(kernel, anInput(1, { requestedAt: AT }));
    expect(second.triggerId).toBe(first.triggerId.replace(/_1$/, '_2'));
    expect(await kernel.raise(keyed(1))).toEqual({
      outcome: 'duplicate',
      duplicate: true,
      triggerId: first.triggerId,
    });
    expect(await triggerEvents(store)).toHaveLength(5);
  });

  it('refuses a key that was used for a request with any other field', async () => {
    const { kernel } = await makeWorld();
    await raised(kernel, keyed(1));
    for (const other of [
      keyed(2),
      keyed(1, { payload: {} }),
      keyed(1, { requestedAt: '2026-01-01T09:50:00.001Z' }),
      anInput(1, { idempotencyKey: 'k' }),
    ]) {
      expect(await kernel.raise(other)).toMatchObject({ outcome: 'idempotency_conflict' });
    }
  });

  it('takes the same request in another form for the same request', async () => {
    const { kernel } = await makeWorld();
    await raised(kernel, keyed(1, { userId: 7, payload: { due: 1 } }));
    const same = keyed(1, { userId: '7', payload: { due: 1 }, idempotencyKey: ' k ' });
    for (const form of [
      same,
      { ...same, traceId: 'another-trace' },
      { ...same, targetId: String(same.targetId) },
      { ...same, requestedAt: '2026-01-01T17:50:00+08:00' },
      { ...same, requestedAt: new Date('2026-01-01T09:50:00Z') },
    ]) {
      expect(await kernel.raise(form)).toMatchObject({ outcome: 'duplicate' });
    }
  });

  it('takes a field with the value of its default, and no field, for the same request', async () => {
    const overdue = defineTrigger({
      type: 'invoice_overdue',
      sources: ['billing'],
      targets: ['invoice'],
      payload: z.object({
        amount: z.number(),
        currency: z.string().toUpperCase().default('EUR'),
        due: z.coerce.date().optional(),
      }),
    });
    const { kernel } = await makeWorld({ kernel: { triggers: [overdue] } });
    const request = { userId: 1, triggerType: 'invoice_overdue', targetId: 'i-1' };
    const short = { ...request, payload: { amount: 1 } };
    const long = {
      ...request,
      source: 'billing',
      targetType: 'invoice',
      payload: { amount: 1, currency: 'eur' },
    };
    const forms = [
      short,
      long,
      { ...long, targetType: undefined },
      { ...short, source: 'billing' },
    ];
    const other = [
      { ...short, payload: { amount: 2 } },
      { ...long, payload: { amount: 1, currency: 'USD' } },
      { ...short, payload: { amount: 1, due: '2026-01-01' } },
      { ...short, targetId: 'i-2' },
      { ...short, severity: 'high' as const },
    ];
    for (const [n, first] of forms.entries()) {
      const idempotencyKey = `k-${n}`;
      const { triggerId } = await raised(kernel, { ...first, userId: `u-${n}`, idempotencyKey });
      for (const form of forms) {
        const again = await kernel.raise({ ...form, userId: `u-${n}`, idempotencyKey });
        expect(again).toEqual({ outcome: 'duplicate', duplicate: true, triggerId });
      }
      for (const form of other) {
        const again = await kernel.raise({ ...form, userId: `u-${n}`, idempotencyKey });
        expect(again).toMatchObject({ outcome: 'idempotency_conflict' });
      }
    }
  });

  it('keeps keys of different users and types apart', async () => {
    const { kernel } = await makeWorld();
    await raised(kernel, keyed(1));
    await raised(kernel, keyed(1, { userId: 2 }));
    await raised(kernel, keyed(1, { triggerType: 'unfinished_feedback' }));
  });

  it('ignores the order of the fields', async () => {
    const { kernel } = await makeWorld();
    await raised(kernel, keyed(1, { payload: { a: 1, b: [2, { c: 3, d: 4 }] } }));
    const turned = {
      payload: { b: [2, { d: 4, c: 3 }], a: 1 },
      ...Object.fromEntries(Object.entries(keyed(1)).reverse()),
    };
    expect(await kernel.raise(turned as typeof turned & ReturnType<typeof keyed>)).toMatchObject({
      outcome: 'duplicate',
    });
  });

  it('claims nothing for a rejected request', async () => {
    const { kernel, store } = await makeWorld();
    const before = (await eventsOf(store)).length;
    const early = keyed(1, { requestedAt: '2026-01-01T10:05:00.001Z' });
    expect(await kernel.raise(early)).toMatchObject({ code: 'requested_at_in_future' });
    expect(await eventsOf(store)).toHaveLength(before);
    await raised(kernel, keyed(1));
  });
});

describe('raise with a new key and an active trigger', () => {
  it('claims the active trigger, and answers every repeat as a duplicate', async () => {
    const { kernel } = await makeWorld();
    const { triggerId } = await raised(kernel, anInput(1, { requestedAt: AT }));
    const answer = { outcome: 'duplicate', duplicate: true, triggerId };
    expect(await kernel.raise(keyed(1))).toEqual(answer);
    expect(await kernel.raise(keyed(1))).toEqual(answer);
  });
});

describe('raise after a crash between claim and trigger', () => {
  it.each([
    ['before it was written', { fault: 'unknown', written: false }],
    ['after it was written', { fault: 'unknown', written: true }],
    ['with a refusal', { fault: 'refuse', reason: 'storage_full' }],
  ] as const)('raises once when the trigger’s append failed %s', async (_name, fault) => {
    let broken = true;
    const { kernel, store } = await makeWorld({
      faults: scripted(appends('trigger'), () => (broken ? fault : undefined)),
    });
    const first = await kernel.raise(keyed(1), { deadlineMs: 5 }).catch(() => undefined);
    if (fault.fault === 'unknown') expect(first).toMatchObject({ outcome: 'unknown' });
    broken = false;
    const again = await kernel.raise(keyed(1));
    expect(['raised', 'duplicate']).toContain(again.outcome);
    expect(await triggerEvents(store)).toHaveLength(3);
    expect(await kernel.raise(keyed(1))).toMatchObject({ outcome: 'duplicate' });
  });

  it('raises the first request with its defaults', async () => {
    let broken = true;
    const { kernel, store, clock } = await makeWorld({
      faults: scripted(appends('trigger'), () =>
        broken ? { fault: 'unknown', written: false } : undefined,
      ),
    });
    const input = anInput(1, { idempotencyKey: 'k' });
    await kernel.raise(input, { deadlineMs: 5 });
    broken = false;
    clock.advance(3 * 60 * 60_000);
    expect(await kernel.raise(input)).toMatchObject({ outcome: 'raised' });
    const [event] = await triggerEvents(store);
    expect(event?.data).toMatchObject({ requestedAt: '2026-01-01T10:00:00.000Z' });
    expect(event?.metadata).toMatchObject({ recordedAt: '2026-01-01T13:00:00.000Z' });
  });

  it('answers as a duplicate when another raise took the claimed occurrence', async () => {
    let broken = true;
    const { kernel, store } = await makeWorld({
      faults: scripted(appends('trigger'), () =>
        broken ? { fault: 'unknown', written: false } : undefined,
      ),
    });
    await kernel.raise(keyed(1), { deadlineMs: 5 });
    broken = false;
    const { triggerId } = await raised(kernel, anInput(1, { requestedAt: AT }));
    expect(await kernel.raise(keyed(1))).toMatchObject({ outcome: 'duplicate', triggerId });
    expect(await triggerEvents(store)).toHaveLength(3);
  });

  it('finds a claim whose append was not answered', async () => {
    let broken = true;
    const { kernel, store } = await makeWorld({
      faults: scripted(appends('idempotency'), () =>
        broken ? { fault: 'unknown', written: true } : undefined,
      ),
    });
    const first = await kernel.raise(keyed(1), { deadlineMs: 5 });
    expect(first).toMatchObject({ outcome: 'unknown' });
    expect(await triggerEvents(store)).toEqual([]);
    broken = false;
    const again = await raised(kernel, keyed(1));
    expect('triggerId' in first && first.triggerId).toBe(again.triggerId);
  });
});

describe('raise with an idempotency key in an outage', () => {
  it('waits out an outage of claim or trigger reads that ends before the deadline', async () => {
    let reads: number | undefined;
    const { kernel, store } = await makeWorld({
      faults: ({ kind }) =>
        kind === 'readStream' && reads !== undefined && reads++ % 3 < 2
          ? { fault: 'unavailable' }
          : undefined,
    });
    reads = 0;
    await raised(kernel, keyed(1));
    // Claim and trigger each fail twice and then succeed.
    expect(reads).toBe(6);
    expect(await kernel.raise(keyed(1))).toMatchObject({ outcome: 'duplicate' });
    expect(await triggerEvents(store)).toHaveLength(3);
  });
});

describe('concurrent raises with idempotency keys', () => {
  // All calls are one command with the same event ids, so the store may answer `appended` to several.
  it('raise one request once, and all get the same trigger', async () => {
    const { kernel, store } = await makeWorld();
    const results = await Promise.all(Array.from({ length: 5 }, () => kernel.raise(keyed(1))));
    expect(results.map(({ outcome }) => outcome)).toContain('raised');
    expect(new Set(results.map((result) => 'triggerId' in result && result.triggerId)).size).toBe(
      1,
    );
    expect(await triggerEvents(store)).toHaveLength(3);
  });

  it('of two requests under one key raise one, and answer the other with idempotency_conflict', async () => {
    const { kernel, store } = await makeWorld();
    const results = await Promise.all([kernel.raise(keyed(1)), kernel.raise(keyed(2))]);
    expect(results.map(({ outcome }) => outcome).sort()).toEqual([
      'idempotency_conflict',
      'raised',
    ]);
    expect(await triggerEvents(store)).toHaveLength(3);
  });

  it('raise each key once under any faults, and answer with the same trigger every time', async () => {
    const scripts = fc.array(
      fc.constantFrom('ok', 'conflict', 'lost', 'written') satisfies fc.Arbitrary<string>,
      { maxLength: 10 },
    );
    await fc.assert(
      fc.asyncProperty(scripts, fc.integer({ min: 1, max: 3 }), async (script, callers) => {
        let n = 0;
        const { kernel, store } = await makeWorld({
          faults: ({ kind, ...operation }) => {
            if (kind !== 'append' || !('stream' in operation)) return undefined;
            if (operation.stream === 'tocsin.control') return undefined;
            const step = script[n++] ?? 'ok';
            if (step === 'conflict') return { fault: 'conflict' };
            return step === 'ok' ? undefined : { fault: 'unknown', written: step === 'written' };
          },
        });
        const results = await Promise.all(
          Array.from({ length: callers }, () => kernel.raise(keyed(1), { deadlineMs: 500 })),
        );
        const last = await kernel.raise(keyed(1));
        const ids = [...results, last].flatMap((result) =>
          'triggerId' in result ? [result.triggerId] : [],
        );
        expect(new Set(ids).size).toBe(1);
        expect(await triggerEvents(store)).toHaveLength(3);
        expect(await kernel.raise(keyed(1))).toMatchObject({ outcome: 'duplicate' });
      }),
      { numRuns: 30 },
    );
  });
});
