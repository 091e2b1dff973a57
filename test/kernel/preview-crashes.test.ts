// Crashes of workers and kernels after each append: after a restart, previews end as without the crash.
import { describe, expect, test } from 'vitest';
import type { ApplyPreview } from '../../src/domain/ports/apply-preview.ts';
import type { LaterEvaluator } from '../../src/domain/ports/evaluator.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { aCandidate, laterWorld, offering, type LaterWorld } from '../support/later.ts';
import { mortalStore } from '../support/mortal.ts';
import { until } from '../support/until.ts';
import { anInput, raised } from '../support/world.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';

/** Fails once per trigger, then offers. */
function failingOnce(): LaterEvaluator {
  const seen = new Set<string>();
  return (request, context) => {
    if (seen.has(request.targetId)) return offering()(request, context);
    seen.add(request.targetId);
    return Promise.reject(new Error('away'));
  };
}

async function driven(world: LaterWorld, what: string, last: string): Promise<void> {
  await until(what, async () => {
    world.time.advance(60_000);
    return (await world.types()).includes(last);
  });
}

describe('evaluation and expiry after a killed worker', () => {
  test.each([1, 2, 3, 4])('leave nothing open after a kill at append %i', async (at) => {
    const world = await laterWorld();
    const { triggerId } = await raised(world.kernel, anInput(1));
    const evaluate = failingOnce();
    const mortal = mortalStore(world.store, at);
    // A killed process disposes nothing.
    world.worker({ store: mortal.store, evaluate });
    await until('it has died, or done everything', async () => {
      world.time.advance(60_000);
      return mortal.isDead() || (await world.types()).includes('PreviewEnded');
    });
    await using _next = world.worker({ evaluate });
    await driven(world, 'the end', 'PreviewEnded');
    expect(await world.types()).toEqual([
      'TriggerRaised',
      'TriggerEvaluationFailed',
      'PreviewOffered',
      'NotificationRequested',
      'PreviewEnded',
    ]);
    expect(await world.kernel.trigger(triggerId)).toMatchObject({
      status: 'offered',
      failures: 1,
      preview: { ending: 'expired' },
    });
  });
});

describe('an apply after a killed process', () => {
  const wrote =
    (written: Set<string>): ApplyPreview =>
    (request) => {
      written.add(request.applyId);
      return Promise.resolve({ outcome: 'applied', eventIds: [9] });
    };

  test.each([1, 2])(
    'is continued by a worker under its apply id after a kill at append %i',
    async (at) => {
      const written = new Set<string>();
      const world = await laterWorld();
      const { triggerId } = await raised(world.kernel, anInput(1));
      const previewId = triggerId.replace('ast_', 'asp_');
      await using _worker = world.worker({ apply: wrote(written) });
      await until('it is offered', async () => (await world.types()).length === 3);
      const mortal = mortalStore(world.store, at);
      const dying = await openKernel({
        ...scheduleProduct,
        store: mortal.store,
        clock: world.time,
        apply: wrote(written),
      });
      const input = { candidateId: aCandidate().candidateId, idempotencyKey: 'k' };
      void dying.previews.confirm(1, previewId, input);
      await until('it has died', mortal.isDead);
      await driven(world, 'the end', 'PreviewEnded');
      const types = (await world.types()).slice(3);
      expect(types.filter((type) => type !== 'ApplyStarted')).toEqual([
        'ApplySucceeded',
        'PreviewEnded',
      ]);
      expect(written.size).toBe(1);
      const kernel = await openKernel({
        ...scheduleProduct,
        store: world.store,
        clock: world.time,
      });
      // The caller who got no answer repeats the confirmation and gets the result.
      expect(await kernel.previews.confirm(1, previewId, input)).toMatchObject({
        outcome: 'applied',
        applyId: [...written][0],
        appliedEventIds: ['9'],
      });
    },
  );

  // A port in JavaScript may answer anything, also after it has written.
  const answering = (answer: unknown) => (() => Promise.resolve(answer)) as ApplyPreview;
  test.each<[string, ApplyPreview | undefined]>([
    ['no worker has the port', undefined],
    ['the port of the worker never answers', () => new Promise(() => undefined)],
    ['it answers nothing', answering(undefined)],
    ['it answers an id', answering('ok')],
    ['it answers without ids', answering({ outcome: 'applied' })],
    ['it refuses without a code', answering({ outcome: 'refused' })],
  ])('ends with outcome_unknown when %s', async (_what, port) => {
    const world = await laterWorld();
    const { triggerId } = await raised(world.kernel, anInput(1));
    const previewId = triggerId.replace('ast_', 'asp_');
    await using _worker = world.worker(port && { apply: port });
    await until('it is offered', async () => (await world.types()).length === 3);
    const mortal = mortalStore(world.store, 1);
    const apply = wrote(new Set());
    const dying = await openKernel({
      ...scheduleProduct,
      store: mortal.store,
      clock: world.time,
      apply,
    });
    const input = { candidateId: aCandidate().candidateId, idempotencyKey: 'k' };
    void dying.previews.confirm(1, previewId, input);
    await until('it has died', mortal.isDead);
    await driven(world, 'the end', 'PreviewEnded');
    // A worker with a port starts a second attempt first.
    const types = (await world.types()).slice(3);
    expect([...new Set(types)]).toEqual(['ApplyStarted', 'ApplyFailed', 'PreviewEnded']);
    expect(await world.kernel.previews.get(1, previewId)).toMatchObject({
      status: 'expired',
      apply: { status: 'failed', code: 'outcome_unknown' },
    });
  });
});
