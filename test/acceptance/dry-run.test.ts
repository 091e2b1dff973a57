// Acceptance: dry runs, which evaluate and store nothing.
import { expect, test } from 'vitest';
import { aBlock, aTask, feedback, MORNING, onBothStores, urgent } from './acceptance.support.ts';

const DAY = 24 * 60 * 60_000;

onBothStores((make) => {
  test('acceptance 1: a dry run with a mock time answers at once with context, issue, decision and candidates, and stores nothing', async () => {
    const world = await make();
    world.tasks.set('7', aTask('7', { estimatedSections: 2 }));
    const before = await world.log();
    const { source: _source, ...input } = urgent('7', { mockNow: '2026-05-01T12:00:00+08:00' });
    const answer = await world.kernel.dryRun(input);
    expect(answer).toMatchObject({
      ok: true,
      value: {
        request: { userId: '1', mockNow: Date.parse('2026-05-01T12:00:00+08:00') },
        evaluation: {
          outcome: 'offer',
          kind: 'proposal',
          candidates: [{ candidateId: 'add_task_pool_to_schedule:7:2026-05-01:5' }],
          snapshot: {
            issues: [{ code: 'can_add_task_pool_to_schedule' }],
            decision: { action: 'proposal', shouldNotify: true },
            metrics: { needed: 2, capacityGap: 0 },
            before: { entries: [] },
          },
        },
      },
    });
    expect(await world.log()).toEqual(before);
  });

  test('acceptance 2: a dry run about a task without a problem decides to close and has no candidate', async () => {
    const world = await make();
    world.tasks.set('7', aTask('7'));
    world.blocks.set('b', aBlock('b', MORNING + 3_600_000, { taskId: '7' }));
    const answer = await world.kernel.dryRun(urgent('7'));
    expect(answer).toMatchObject({
      ok: true,
      value: { evaluation: { outcome: 'close', reason: 'target_already_scheduled' } },
    });
    expect(answer.ok && answer.value.evaluation).not.toHaveProperty('candidates');
  });

  test('acceptance 3: a dry run without the facts decides to ask and names the missing facts', async () => {
    const world = await make();
    expect(await world.kernel.dryRun(urgent('7'))).toMatchObject({
      value: { evaluation: { kind: 'question', snapshot: { missing: ['task'] } } },
    });
    expect(await world.kernel.dryRun(feedback('5'))).toMatchObject({
      value: {
        evaluation: { kind: 'question', snapshot: { missing: ['scheduled_block', 'feedback_id'] } },
      },
    });
  });

  test('acceptance 4: a dry run with an invalid mock time or target is refused with the field’s name and stores nothing', async () => {
    const world = await make();
    const before = await world.log();
    const inputs = [
      { mockNow: 'tomorrow' },
      { mockNow: '2026-05-01T12:00:00Z', source: 'worker_due_job' },
      { targetId: 0 },
      { targetType: 'calendar' },
    ];
    const fields: (string | undefined)[] = [];
    for (const more of inputs) {
      // A client may send any value, whatever the types say.
      const input: object = { ...urgent('7'), ...more };
      const answer = await world.kernel.dryRun(input as Parameters<typeof world.kernel.dryRun>[0]);
      fields.push(answer.ok ? undefined : answer.error.issues[0]?.field);
    }
    expect(fields).toEqual(['mockNow', 'mockNow', 'targetId', 'targetType']);
    expect(await world.log()).toEqual(before);
  });

  test('acceptance 5: a repeated dry run gives the same answer and does not make a later raise a duplicate', async () => {
    const world = await make();
    world.tasks.set('7', aTask('7'));
    const input = { ...urgent('7'), requestedAt: new Date(MORNING + DAY / 1440) };
    const first = await world.kernel.dryRun(input);
    expect(await world.kernel.dryRun(input)).toEqual(first);
    expect(await world.types()).toEqual([]);
    expect(await world.kernel.raise(input)).toMatchObject({ outcome: 'raised' });
  });
});
