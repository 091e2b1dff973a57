// The kernel's other guarantees: names, dry runs, reading triggers, closing, and one id per log.
import { describe, expect, it } from 'vitest';
import { defineTrigger } from '../../src/domain/trigger/definitions.ts';
import type { Evaluation } from '../../src/domain/trigger/evaluation.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { memoryStore } from '../../src/testing.ts';
import { z } from 'zod';
import { anInput, eventsOf, makeWorld, raised } from '../support/world.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';

describe('openKernel', () => {
  it('gives a log one id and one first ruleset when many kernels open it at once', async () => {
    const store = memoryStore();
    const kernels = await Promise.all(
      [1, 2, 3].map(() => openKernel({ ...scheduleProduct, store })),
    );
    expect(new Set(kernels.map(({ storeId }) => storeId)).size).toBe(1);
    expect((await eventsOf(store)).map(({ type }) => type)).toEqual([
      'StoreInitialised',
      'RulesetActivated',
    ]);
    expect((await openKernel({ ...scheduleProduct, store })).storeId).toBe(kernels[0]?.storeId);
  });

  it.each(['', 'Tocsin', 'a.b', 'x'.repeat(33)])('refuses the name %o', async (name) => {
    await expect(
      openKernel({ ...scheduleProduct, store: memoryStore(), name }),
    ).rejects.toMatchObject({
      code: 'invalid_kernel_name',
    });
  });

  it('keeps two kernels in one store separate', async () => {
    const store = memoryStore();
    const one = await openKernel({ ...scheduleProduct, store, name: 'one' });
    const two = await openKernel({ ...scheduleProduct, store, name: 'two' });
    expect(one.storeId).not.toBe(two.storeId);
    await raised(one, anInput(1));
    expect(await two.raise(anInput(1))).toMatchObject({ outcome: 'raised' });
  });
});

describe('dryRun', () => {
  it('returns the request and the evaluation, and writes nothing', async () => {
    const { kernel, store } = await makeWorld();
    const before = (await eventsOf(store)).length;
    for (const source of ['api_dry_run', 'api_trigger', undefined]) {
      const { source: _given, ...input } = anInput(1, { mockNow: '2026-02-01T00:00:00Z' });
      const answer = await kernel.dryRun(source === undefined ? input : { ...input, source });
      expect(answer).toMatchObject({
        ok: true,
        value: { evaluation: { outcome: 'offer', kind: 'reminder' }, request: { userId: '1' } },
      });
    }
    expect(await eventsOf(store)).toHaveLength(before);
  });

  it('rejects an input that a raise rejects', async () => {
    const { kernel } = await makeWorld();
    const input = { ...anInput(1), source: 'worker_due_job', mockNow: '2026-02-01T00:00:00Z' };
    expect(await kernel.dryRun(input)).toMatchObject({
      ok: false,
      error: { code: 'mock_not_allowed' },
    });
  });

  it('has a source that a raise rejects', async () => {
    const { kernel } = await makeWorld();
    const result = await kernel.raise(anInput(1, { source: 'api_dry_run' }));
    expect(result).toMatchObject({ outcome: 'rejected', code: 'dry_run_only' });
  });
});

describe('trigger', () => {
  it('finds each occurrence by its trigger id and by its preview id', async () => {
    let evaluation: Evaluation = { outcome: 'close', reason: 'done already' };
    const { kernel } = await makeWorld({ kernel: { evaluate: () => evaluation } });
    const first = await raised(kernel, anInput(1));
    evaluation = { outcome: 'offer', kind: 'question', summary: 'Now?' };
    const second = await raised(kernel, anInput(1));
    expect(first.previewId).toBeUndefined();
    expect(await kernel.trigger(first.triggerId)).toMatchObject({
      occurrence: 1,
      status: 'closed',
      reason: 'done already',
    });
    const found = await kernel.trigger(second.triggerId);
    expect(found).toMatchObject({
      occurrence: 2,
      status: 'offered',
      raised: { userId: '1', targetId: '1' },
      preview: { previewId: second.previewId, kind: 'question' },
    });
    expect(await kernel.trigger(second.previewId ?? '')).toEqual(found);
  });

  it.each([
    '',
    'ast_',
    'garbage',
    '../../etc/passwd',
    'ast_00626ea8e643a55e3abc19cb2c85142695_1',
    'ast_22626ea8e643a55e3abc19cb2c85142695_0',
    'ast_22626ea8e643a55e3abc19cb2c85142695_01',
    'ast_22626ea8e643a55e3abc19cb2c85142695_9999999999',
    'AST_22626ea8e643a55e3abc19cb2c85142695_1',
    'ast_22626ea8e643a55e3abc19cb2c85142695_1\n',
  ])('finds nothing for the id %o', async (id) => {
    const { kernel } = await makeWorld();
    expect(await kernel.trigger(id)).toBeUndefined();
  });

  it('finds nothing for an occurrence that does not exist', async () => {
    const { kernel } = await makeWorld();
    const { triggerId } = await raised(kernel, anInput(1));
    expect(await kernel.trigger(triggerId.replace(/_1$/, '_2'))).toBeUndefined();
  });
});

describe('trigger types of the embedder', () => {
  it('have their own window, payload and link', async () => {
    const invoice = defineTrigger({
      type: 'invoice_due',
      windowMs: 24 * 60 * 60 * 1000,
      payload: z.object({ invoice: z.string() }),
      channel: 'webhook',
      link: ({ previewId }) => `/invoices/${previewId}`,
    });
    const { kernel, store } = await makeWorld({ kernel: { triggers: [invoice] } });
    const input = anInput(1, {
      triggerType: 'invoice_due',
      requestedAt: '2026-01-01T01:00:00Z',
      payload: { invoice: 'A-1' },
    });
    const { previewId } = await raised(kernel, input);
    const later = { ...input, requestedAt: '2026-01-01T09:59:00Z' };
    expect(await kernel.raise(later)).toMatchObject({ outcome: 'duplicate' });
    expect((await eventsOf(store)).at(-1)?.data).toMatchObject({
      channel: 'webhook',
      targetUrl: `/invoices/${previewId ?? ''}`,
    });
    const broken = await kernel.raise({ ...input, targetId: 2, payload: { invoice: 1 } });
    expect(broken).toMatchObject({ outcome: 'rejected', code: 'payload_invalid' });
    const unknown = await kernel.raise({ ...input, triggerType: 'nobody_knows' });
    expect(unknown).toMatchObject({ outcome: 'rejected', code: 'unknown_trigger_type' });
  });

  it.each([
    { type: 'No', windowMs: 1 },
    { type: 'x', windowMs: 0 },
    { type: 'x', windowMs: 1.5 },
  ])('must be valid definitions, which %o is not', (definition) => {
    expect(() => defineTrigger({ channel: 'feishu', link: () => '/', ...definition })).toThrow(
      /trigger type/,
    );
  });
});

describe('close', () => {
  it('waits for raises in flight and refuses later raises', async () => {
    const gate = Promise.withResolvers<undefined>();
    let slow = false;
    const { kernel } = await makeWorld({
      faults: ({ kind }) =>
        slow && kind === 'append' ? { fault: 'delay', until: gate.promise } : undefined,
    });
    slow = true;
    const inFlight = kernel.raise(anInput(1));
    let closed = false;
    const closing = kernel.close().then(() => {
      closed = true;
    });
    await expect(kernel.raise(anInput(2))).rejects.toMatchObject({ code: 'kernel_closed' });
    expect(closed).toBe(false);
    gate.resolve(undefined);
    await closing;
    expect(await inFlight).toMatchObject({ outcome: 'raised' });
  });
});
