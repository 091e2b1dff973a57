// Acceptance: triggers and repeated raises.
import { expect, test } from 'vitest';
import { decideEvaluated } from '../../src/domain/trigger/decide-evaluation.ts';
import { until } from '../support/until.ts';
import { aBlock, aTask, feedback, MORNING, onBothStores, urgent } from './acceptance.support.ts';
import { scheduleTexts } from '../../src/schedule/texts.ts';

onBothStores((make) => {
  test('acceptance 11: a trigger with a mock time has the mock time in the log and in its message', async () => {
    const world = await make();
    const mockNow = '2026-05-01T12:00:00+08:00';
    await world.kernel.raise(urgent('7', { mockNow }));
    const [raised] = await world.triggerEvents();
    expect(raised?.data).toMatchObject({ mockNow: '2026-05-01T04:00:00.000Z' });
    expect(await world.messages()).toEqual(['active_schedule.triggered']);
  });

  test('acceptance 14: two raises under one idempotency key are one trigger, and the second answer says duplicate', async () => {
    const world = await make();
    const input = urgent('7', { idempotencyKey: 'k-1' });
    const first = await world.kernel.raise(input);
    const second = await world.kernel.raise(input);
    expect(first).toMatchObject({ outcome: 'raised', duplicate: false });
    expect(second).toMatchObject({
      outcome: 'duplicate',
      duplicate: true,
      triggerId: 'triggerId' in first && first.triggerId,
    });
    expect(await world.types()).toEqual(['TriggerRaised']);
  });

  test('acceptance 15: a feedback id is one trigger without a time limit, and another feedback id is another trigger', async () => {
    const world = await make();
    world.blocks.set('5', aBlock('5', MORNING - 7_200_000, { taskId: '7' }));
    const first = await world.evaluated(feedback('5', { feedbackId: 'fb-1' }));
    world.time.advance(5 * 3_600_000);
    const again = await world.kernel.raise(feedback('5', { feedbackId: 'fb-1' }));
    expect(again).toMatchObject({ outcome: 'duplicate', triggerId: first });
    const other = await world.kernel.raise(feedback('5', { feedbackId: 'fb-2' }));
    expect(other).toMatchObject({ outcome: 'raised' });
    expect('triggerId' in other && other.triggerId).not.toBe(first);
  });

  test('acceptance 16: an invalid raise is refused with a readable reason and nothing is stored', async () => {
    const world = await make();
    const payload = { a: 'x'.repeat(40_000) };
    expect(await world.kernel.raise(urgent('7', { payload }))).toMatchObject({
      outcome: 'rejected',
      message: expect.stringMatching(/payload is larger than \d+ bytes/) as string,
      issues: [{ field: 'payload' }],
    });
    expect(await world.kernel.raise(feedback('0', { targetId: 0 }))).toMatchObject({
      outcome: 'rejected',
      issues: [{ field: 'targetId' }],
    });
    expect(await world.triggerEvents()).toEqual([]);
    // A trigger that the evaluator cannot evaluate is rejected with the reason.
    const triggerId = await world.evaluated(urgent('7', { targetType: 'task_item' }));
    expect(await world.kernel.trigger(triggerId)).toMatchObject({
      status: 'rejected',
      reason: expect.stringContaining('task_item') as string,
    });
  });

  test('acceptance 45: when the preview cannot be written the evaluation fails, no notification is requested, and it is retried', async () => {
    const world = await make();
    world.tasks.set('7', aTask('7'));
    const result = await world.kernel.raise(urgent('7'));
    const triggerId = 'triggerId' in result ? result.triggerId : '';
    const broken = world.worker({
      evaluate: () => Promise.resolve({ outcome: 'offer', kind: 'reminder', baseVersion: '' }),
    });
    await until('the evaluation fails', async () => (await world.types()).length === 2);
    await broken[Symbol.asyncDispose]();
    expect(await world.types()).toEqual(['TriggerRaised', 'TriggerEvaluationFailed']);
    expect(await world.messages()).toEqual(['active_schedule.triggered']);
    await using _mended = world.worker();
    world.time.advance(1_000);
    await until('the preview is offered', async () => (await world.types()).length === 4);
    expect(await world.kernel.trigger(triggerId)).toMatchObject({ status: 'offered' });
  });

  test('acceptance 48: a trigger that two workers handle changes its state once', async () => {
    const world = await make();
    world.tasks.set('7', aTask('7'));
    await world.evaluated(urgent('7'));
    const after = await world.types();
    // Other workers with an empty index handle every event again.
    await using _other = world.worker({ file: 'other' });
    await using _third = world.worker({ file: 'third' });
    const marker = await world.evaluated(urgent('8'));
    expect(marker).toBeDefined();
    expect((await world.types()).slice(0, 3)).toEqual(after);
    expect(await world.types()).toHaveLength(6);
    const state = { occurrences: [] };
    const offer = { outcome: 'close', reason: 'no' } as const;
    const command = {
      occurrence: 1,
      evaluation: offer,
      stream: 's',
      link: () => '/',
      channel: 'feishu',
      expiresInMs: 1,
      texts: scheduleTexts.en,
      summary: { text: '', linksRemoved: 0 },
    } as const;
    expect(decideEvaluated(state, command, { recordedAt: 0 })).toEqual({ ok: true, value: [] });
  });
});
