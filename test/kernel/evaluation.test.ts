// Evaluation after the raise has one effect for each trigger, with any number of workers and crashes.
import { describe, expect, test } from 'vitest';
import type { LaterEvaluator } from '../../src/domain/ports/evaluator.ts';
import { defineTrigger } from '../../src/domain/trigger/definitions.ts';
import { evaluationRetryMs, MAX_EVALUATIONS } from '../../src/domain/trigger/decide-evaluation.ts';
import { laterWorld, offering } from '../support/later.ts';
import { until } from '../support/until.ts';
import { anInput, raised } from '../support/world.ts';

const OFFERED = ['TriggerRaised', 'PreviewOffered', 'NotificationRequested'];

describe('evaluationProcess', () => {
  test('appends the result in one append, after a raise that appended only TriggerRaised', async () => {
    const world = await laterWorld();
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const result = await world.kernel.raise(anInput(1), { traceparent });
    expect(result).not.toHaveProperty('previewId');
    expect(await world.types()).toEqual(['TriggerRaised']);
    await using _worker = world.worker();
    await until('it is evaluated', async () => (await world.types()).length === 3);
    const [first, offered, requested] = await world.triggerEvents();
    expect([first, offered, requested].map((event) => event?.type)).toEqual(OFFERED);
    expect(offered?.metadata).toMatchObject({ causationId: first?.id, traceparent });
    expect(requested?.metadata).toMatchObject({ causationId: first?.id, traceparent });
    expect(await world.kernel.raise(anInput(1))).toMatchObject({ outcome: 'duplicate' });
  });

  test.each([
    ['close', { outcome: 'close', reason: 'nothing to do' }, 'TriggerClosed', 'closed'],
    [
      'reject',
      { outcome: 'reject', code: 'unsupported_target', reason: 'no such target' },
      'TriggerRejected',
      'rejected',
    ],
  ] as const)(
    'an evaluator may %s it, and it can be raised again',
    async (_n, evaluation, type, status) => {
      const world = await laterWorld({ evaluate: () => Promise.resolve(evaluation) });
      const { triggerId } = await raised(world.kernel, anInput(1));
      await using _worker = world.worker();
      await until('it has ended', async () => (await world.types()).includes(type));
      expect(await world.kernel.trigger(triggerId)).toMatchObject({
        status,
        reason: evaluation.reason,
      });
      expect(await world.kernel.raise(anInput(1))).toMatchObject({ outcome: 'raised' });
    },
  );

  test('records a failure, and evaluates again after the wait', async () => {
    let failures = 2;
    const evaluate: LaterEvaluator = (request, context) => {
      failures -= 1;
      if (failures >= 0) throw new Error('the task service is away');
      return offering()(request, context);
    };
    const world = await laterWorld({ evaluate });
    const { triggerId } = await raised(world.kernel, anInput(1));
    await using _worker = world.worker();
    for (const attempt of [1, 2]) {
      const due = world.time.now() + evaluationRetryMs(attempt);
      await until('it failed', async () => (await world.types()).length === attempt + 1);
      expect(await world.kernel.trigger(triggerId)).toMatchObject({
        status: 'pending',
        failures: attempt,
        retryAt: due,
      });
      await until('it waits', () => world.time.waits().includes(due));
      world.time.advance(evaluationRetryMs(attempt));
    }
    await until('it is offered', async () => (await world.types()).length === 5);
    expect((await world.types()).slice(3)).toEqual(OFFERED.slice(1));
    const [, failed] = await world.triggerEvents();
    expect(failed?.data).toMatchObject({
      attempt: 1,
      code: 'evaluation_failed',
      personal: { detail: 'Error: the task service is away' },
    });
  });

  test.each<[string, string, LaterEvaluator]>([
    ['throws', 'evaluation_failed', () => Promise.reject(new Error('no'))],
    [
      'answers what no event can hold',
      'evaluation_invalid',
      () => Promise.resolve({ outcome: 'close', reason: '' }),
    ],
    ['never answers', 'evaluation_timeout', () => new Promise(() => undefined)],
  ])('an evaluator that always %s leads to an end', async (_name, code, evaluate) => {
    const world = await laterWorld({ evaluate });
    const { triggerId } = await raised(world.kernel, anInput(1));
    await using _worker = world.worker();
    await until('it is abandoned', async () => {
      world.time.advance(60_000);
      return (await world.types()).includes('TriggerAbandoned');
    });
    expect(await world.kernel.trigger(triggerId)).toMatchObject({
      status: 'abandoned',
      failures: MAX_EVALUATIONS,
    });
    const events = await world.triggerEvents();
    expect(events).toHaveLength(MAX_EVALUATIONS + 2);
    expect(events.at(-1)?.data).toMatchObject({ code, attempts: MAX_EVALUATIONS });
    // What is abandoned is finished: the next raise is a new occurrence.
    expect(await world.kernel.raise(anInput(1))).toMatchObject({ outcome: 'raised' });
  });

  test('leaves a trigger of an unknown type to a worker that knows it', async () => {
    const triggers = [defineTrigger({ type: 'invoice', windowMs: 1000, channel: 'webhook' })];
    const world = await laterWorld({ kernel: { triggers } });
    await raised(world.kernel, anInput(1, { triggerType: 'invoice' }));
    const ignorant = world.worker();
    await until('it failed', async () => (await world.types()).length === 2);
    expect((await world.triggerEvents())[1]?.data).toMatchObject({ code: 'unknown_trigger_type' });
    await ignorant[Symbol.asyncDispose]();
    await using _knowing = world.worker({ triggers });
    world.time.advance(evaluationRetryMs(1));
    await until('it is offered', async () => (await world.types()).includes('PreviewOffered'));
  });

  test('leaves an interrupted evaluation to the next worker', async () => {
    let stopped = false;
    const world = await laterWorld();
    await raised(world.kernel, anInput(1));
    const started = Promise.withResolvers<undefined>();
    const first = world.worker({
      evaluate: (_request, { signal }) => {
        started.resolve(undefined);
        return new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            stopped = true;
            reject(new Error('stopped'));
          });
        });
      },
    });
    await started.promise;
    await first[Symbol.asyncDispose]();
    expect(stopped).toBe(true);
    expect(await world.types()).toEqual(['TriggerRaised']);
    await using _second = world.worker();
    await until('it is evaluated', async () => (await world.types()).length === 3);
  });

  test('has one effect for each trigger when many workers evaluate', async () => {
    const asked = new Map<string, number>();
    const evaluate: LaterEvaluator = async (request, context) => {
      const n = (asked.get(request.targetId) ?? 0) + 1;
      asked.set(request.targetId, n);
      await Promise.resolve();
      // They disagree, and still one answer counts.
      return n % 2 === 0 ? { outcome: 'close', reason: 'no' } : offering()(request, context);
    };
    const world = await laterWorld({ evaluate });
    for (let n = 1; n <= 30; n++) await raised(world.kernel, anInput(n));
    await using _a = world.worker({ file: 'a' });
    await using _b = world.worker({ file: 'b' });
    await using _c = world.worker({ file: 'c' });
    await until('all have ended', async () => {
      const ends = (await world.types()).filter((type) => type !== 'TriggerRaised');
      return ends.filter((type) => type !== 'NotificationRequested').length >= 30;
    });
    const events = await world.triggerEvents();
    const ends = events.filter(({ type }) => /Offered|Closed/.test(type));
    expect(new Set(ends.map(({ stream }) => stream)).size).toBe(30);
    expect(ends).toHaveLength(30);
    expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
  });
});
