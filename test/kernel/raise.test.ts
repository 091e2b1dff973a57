// raise against a store that answers, refuses, conflicts or does not answer.
import { describe, expect, it } from 'vitest';
import type { Evaluator } from '../../src/domain/ports/evaluator.ts';
import { TocsinError } from '../../src/domain/core/errors.ts';
import type { StoreOperation } from '../../src/testing.ts';
import { formatPosition, START_POSITION } from '../../src/domain/core/positions.ts';
import { anInput, eventsOf, makeWorld, raised } from '../support/world.ts';
import { triggerEvents, scripted } from './kernel.support.ts';

const isTrigger = (operation: StoreOperation): boolean =>
  operation.kind === 'append' && operation.stream.startsWith('tocsin.trigger-');

describe('the first raise in a scope', () => {
  it('is one append of three events to one stream, without a read', async () => {
    const operations: StoreOperation[] = [];
    const { kernel, store } = await makeWorld({
      faults: (operation) => void operations.push(operation),
    });
    operations.length = 0;
    const { triggerId, previewId, position } = await raised(kernel, anInput(1));
    expect(operations.map(({ kind }) => kind)).toEqual(['append']);
    expect(operations[0]).toMatchObject({ expected: 'no_stream' });
    const events = await triggerEvents(store);
    expect(events.map(({ type }) => type)).toEqual([
      'TriggerRaised',
      'PreviewOffered',
      'NotificationRequested',
    ]);
    expect(position).toBe(formatPosition(events.at(-1)?.position ?? START_POSITION));
    expect(previewId).toBe(triggerId.replace('ast_', 'asp_'));
  });

  it('records actor and traceparent', async () => {
    const { kernel, store } = await makeWorld();
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    await kernel.raise(anInput(1), { actor: 'ops', traceparent });
    for (const { metadata } of await triggerEvents(store)) {
      expect(metadata).toMatchObject({ actor: 'ops', traceparent, schemaVersion: 1 });
    }
  });
});

describe('a duplicate raise', () => {
  it('writes nothing and names the active trigger', async () => {
    const { kernel, store } = await makeWorld();
    const { triggerId } = await raised(kernel, anInput(1));
    const before = (await eventsOf(store)).length;
    const again = await kernel.raise(anInput(1, { payload: { other: true } }));
    expect(again).toEqual({ outcome: 'duplicate', duplicate: true, triggerId });
    expect(await eventsOf(store)).toHaveLength(before);
  });

  it('appends DuplicateRaised with recordDuplicates, and offers nothing', async () => {
    const world = await makeWorld({ kernel: { recordDuplicates: true } });
    await raised(world.kernel, anInput(1));
    await world.kernel.raise(anInput(1));
    const types = (await triggerEvents(world.store)).map(({ type }) => type);
    expect(types.slice(3)).toEqual(['DuplicateRaised']);
    expect(await world.project()).toMatchObject({ triggered: 1, published: 1, parked: 0 });
  });
});

describe('a raise with conflicts', () => {
  it('decides again, and is a duplicate of the other writer’s trigger', async () => {
    const { kernel } = await makeWorld();
    const [one, two] = await Promise.all([kernel.raise(anInput(1)), kernel.raise(anInput(1))]);
    expect([one.outcome, two.outcome].sort()).toEqual(['duplicate', 'raised']);
    expect('triggerId' in one && 'triggerId' in two && one.triggerId === two.triggerId).toBe(true);
  });

  it('succeeds after five conflicts, and answers conflict after six', async () => {
    for (const [conflicts, outcome] of [
      [5, 'raised'],
      [6, 'conflict'],
    ] as const) {
      const { kernel, store } = await makeWorld({
        faults: scripted(isTrigger, (n) => (n <= conflicts ? { fault: 'conflict' } : undefined)),
      });
      expect(await kernel.raise(anInput(1))).toMatchObject({ outcome });
      expect(await triggerEvents(store)).toHaveLength(outcome === 'raised' ? 3 : 0);
    }
  });
});

describe('a raise with an unknown outcome', () => {
  it.each([true, false])(
    'repeats the same events and raises once (written: %s)',
    async (written) => {
      const attempts: StoreOperation[] = [];
      const { kernel, store } = await makeWorld({
        faults: scripted(isTrigger, (n, operation) => {
          attempts.push(operation);
          return n <= 2 ? { fault: 'unknown', written } : undefined;
        }),
      });
      const result = await raised(kernel, anInput(1));
      const last = (await eventsOf(store)).at(-1)?.position;
      expect(result.position).toBe(last && formatPosition(last));
      expect(JSON.parse(JSON.stringify(result))).toEqual(result);
      expect(await triggerEvents(store)).toHaveLength(3);
      const [first, ...others] = attempts;
      expect(others).toHaveLength(2);
      for (const other of others) expect(other).toEqual({ ...first, n: other.n });
    },
  );

  it('finds its own event ids behind another writer’s events', async () => {
    // The first answer is lost and the second is a conflict: another writer appended after us.
    const { kernel, store } = await makeWorld({
      faults: scripted(isTrigger, (n) =>
        n === 1 ? { fault: 'unknown', written: true } : n === 2 ? { fault: 'conflict' } : undefined,
      ),
    });
    expect(await kernel.raise(anInput(1))).toMatchObject({ outcome: 'raised' });
    expect(await triggerEvents(store)).toHaveLength(3);
  });

  it('answers unknown with the trigger’s id at the deadline, also when the clock stands still', async () => {
    const { kernel, store } = await makeWorld({
      faults: scripted(isTrigger, () => ({ fault: 'unknown', written: true })),
    });
    const result = await kernel.raise(anInput(1), { deadlineMs: 500 });
    const [event] = await triggerEvents(store);
    expect(result).toMatchObject({
      outcome: 'unknown',
      triggerId: (event?.data as { triggerId?: string }).triggerId,
    });
  });
});

describe('a raise that the store refuses', () => {
  it.each(['stream_deleted', 'too_large', 'invalid_argument'] as const)(
    'is rejected at once with %s',
    async (reason) => {
      const { kernel, store } = await makeWorld({
        faults: scripted(isTrigger, () => ({ fault: 'refuse', reason })),
      });
      expect(await kernel.raise(anInput(1))).toMatchObject({ outcome: 'rejected', code: reason });
      expect(await triggerEvents(store)).toEqual([]);
    },
  );

  it.each(['access_denied', 'storage_full'] as const)(
    'throws unavailable with %s',
    async (reason) => {
      const { kernel } = await makeWorld({
        faults: scripted(isTrigger, () => ({ fault: 'refuse', reason })),
      });
      await expect(kernel.raise(anInput(1))).rejects.toMatchObject({
        kind: 'unavailable',
        code: reason,
      });
    },
  );

  it('throws unavailable when the store cannot be read', async () => {
    let away = false;
    const { kernel } = await makeWorld({
      faults: ({ kind }) => (away && kind === 'readStream' ? { fault: 'unavailable' } : undefined),
    });
    away = true;
    const raise = kernel.raise(anInput(1, { idempotencyKey: 'k' }), { deadlineMs: 5 });
    await expect(raise).rejects.toMatchObject({ kind: 'unavailable' });
  });
});

describe('a raise with a mistake of the embedder', () => {
  it.each<[string, () => unknown]>([
    ['nothing', () => undefined],
    ['null', () => null],
    ['a text', () => 'ok'],
    ['an object without an outcome', () => ({})],
    ['an unknown outcome', () => ({ outcome: 'zzz' })],
    ['an offer without a kind', () => ({ outcome: 'offer', summary: 's' })],
    ['a summary that is no text', () => ({ outcome: 'offer', kind: 'reminder', summary: 12 })],
    ['a promise', () => Promise.resolve({ outcome: 'offer', kind: 'reminder' })],
    ['a promise that rejects', () => Promise.reject(new Error('boom'))],
  ])('writes nothing when the evaluator returns %s', async (_, evaluate) => {
    const { kernel, store } = await makeWorld({ kernel: { evaluate: evaluate as Evaluator } });
    const before = (await eventsOf(store)).length;
    const input = anInput(1);
    await expect(kernel.raise(input)).rejects.toMatchObject({
      kind: 'usage',
      code: 'evaluator_result',
      message: expect.stringContaining(input.triggerType) as string,
    });
    expect(await eventsOf(store)).toHaveLength(before);
  });

  it('writes nothing when the evaluator throws', async () => {
    const { kernel, store } = await makeWorld({
      kernel: {
        evaluate: () => {
          throw new Error('no task source');
        },
      },
    });
    const before = (await eventsOf(store)).length;
    const input = anInput(1, { idempotencyKey: 'k' });
    for (const one of [anInput(1), input]) {
      await expect(kernel.raise(one)).rejects.toMatchObject({ code: 'evaluator_failed' });
    }
    expect(await eventsOf(store)).toHaveLength(before);
  });

  it.each([
    [
      'an evaluation that no event can hold',
      { evaluate: () => ({ outcome: 'close', reason: '' }) as const },
      {},
    ],
    ['an invalid traceparent', {}, { traceparent: '00-zz' }],
    ['an actor of 129 characters', {}, { actor: 'x'.repeat(129) }],
  ])('throws a TocsinError and writes nothing for %s', async (_name, kernelOptions, call) => {
    const { kernel, store } = await makeWorld({ kernel: kernelOptions });
    const before = (await eventsOf(store)).length;
    for (const input of [anInput(1), anInput(2, { idempotencyKey: 'k' })]) {
      const error: unknown = await kernel.raise(input, call).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(TocsinError);
      expect(error).toMatchObject({ kind: 'usage' });
    }
    expect(await eventsOf(store)).toHaveLength(before);
  });
});

describe('recordedAt', () => {
  it('never runs backwards in a stream when the clock does', async () => {
    const { kernel, store, clock } = await makeWorld({
      kernel: { evaluate: () => ({ outcome: 'close', reason: 'nothing to do' }) },
    });
    await raised(kernel, anInput(1, { requestedAt: '2026-01-01T09:50:00Z' }));
    clock.advance(-5 * 60_000);
    await raised(kernel, anInput(1, { requestedAt: '2026-01-01T09:50:00Z' }));
    const recordedAt = (await triggerEvents(store)).map(
      ({ metadata }) => (metadata as { recordedAt: string }).recordedAt,
    );
    expect(recordedAt).toEqual(Array(4).fill('2026-01-01T10:00:00.000Z'));
  });
});
