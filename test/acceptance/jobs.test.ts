// Acceptance: from a task to its trigger.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dueJobStream } from '../../src/schedule/due-job/stream.ts';
import { parseOccurrenceId } from '../../src/domain/core/ids.ts';
import { BEGIN, jobWorld, MINUTE, type JobWorld } from '../kernel/jobs.support.ts';
import { BOTH_STORES, type OpenedStore } from '../support/stores.ts';
import { until } from '../support/until.ts';

describe.each(BOTH_STORES)('on %s', (_name, open) => {
  let opened: OpenedStore;
  let serial = 0;

  beforeAll(async () => {
    opened = await open();
  });
  afterAll(async () => {
    await opened[Symbol.asyncDispose]();
  });

  // Each world has its own kernel name, and so its own streams, on one store.
  const aWorld = (): Promise<JobWorld> => jobWorld(opened.store, `world-${serial++}`);
  const jobStream = (world: JobWorld) =>
    dueJobStream(world.name, { userId: '42', kind: 'task', subjectId: '7' });

  test('acceptance 6: a new task with a threshold has one pending job', async () => {
    await using world = await aWorld();
    world.follow();
    world.host.set({});
    const job = await world.until('task', '7', 'pending', ({ status }) => status === 'pending');
    expect(job).toMatchObject({
      round: 1,
      triggerAt: BEGIN + 10 * MINUTE,
      dueAt: BEGIN + 10 * MINUTE,
    });
    // The same task, saved again and read again after a restart, has still one job.
    world.host.set({ title: 'a better title' });
    await world.stop();
    world.follow();
    world.host.set({ taskId: '8' });
    await world.until('task', '8', 'pending', ({ status }) => status === 'pending');
    expect(await world.types(jobStream(world))).toEqual(['DueJobScheduled']);
  });

  test('acceptance 7: another threshold overwrites the same job’s trigger time', async () => {
    await using world = await aWorld();
    world.follow();
    world.host.set({});
    await world.until('task', '7', 'pending', ({ status }) => status === 'pending');
    world.host.set({ urgencyThresholdAt: BEGIN + 20 * MINUTE, deadlineAt: BEGIN + 40 * MINUTE });
    const at = BEGIN + 20 * MINUTE;
    const job = await world.until('task', '7', 'moved', ({ triggerAt }) => triggerAt === at);
    expect(job).toMatchObject({ status: 'pending', round: 1, dueAt: at });
    expect(await world.types(jobStream(world))).toEqual(['DueJobScheduled', 'DueJobRescheduled']);
  });

  test('acceptance 8: a completed task’s job is cancelled, not deleted', async () => {
    await using world = await aWorld();
    world.follow();
    world.host.set({});
    await world.until('task', '7', 'pending', ({ status }) => status === 'pending');
    world.host.set({ completed: true });
    const job = await world.until('task', '7', 'cancelled', ({ status }) => status === 'cancelled');
    expect(job).toMatchObject({
      code: 'task_not_schedulable',
      dueAt: undefined,
      triggerAt: BEGIN + 10 * MINUTE,
    });
    expect(await world.types(jobStream(world))).toEqual(['DueJobScheduled', 'DueJobCancelled']);
  });

  test('acceptance 9: a due job of an open, unscheduled task raises a trigger', async () => {
    await using world = await aWorld();
    world.follow();
    world.scan();
    world.host.set({});
    await world.until('task', '7', 'pending', ({ status }) => status === 'pending');
    world.time.advance(10 * MINUTE);
    const job = await world.until('task', '7', 'triggered', ({ status }) => status === 'triggered');
    const trigger = await world.kernel.trigger(job.lastTriggerId ?? '');
    expect(trigger?.raised).toMatchObject({
      userId: '42',
      triggerType: 'important_urgent_task',
      source: 'worker_due_job',
      targetType: 'task_pool',
      targetId: '7',
      traceId: 'trace_active_task_42_7',
      requestedAt: BEGIN + 10 * MINUTE,
    });
    expect(await world.types()).toContain('NotificationRequested');
  });

  test('acceptance 10: a due job of a completed task ends without a preview', async () => {
    await using world = await aWorld();
    world.follow();
    world.host.set({});
    await world.until('task', '7', 'pending', ({ status }) => status === 'pending');
    await world.stop();
    // Nobody follows: only the scanner's own look can see it.
    world.host.set({ completed: true });
    world.time.advance(10 * MINUTE);
    world.scan();
    const job = await world.until('task', '7', 'cancelled', ({ status }) => status === 'cancelled');
    expect(job.code).toBe('task_completed');
    expect(await world.types()).not.toContain('PreviewOffered');
  });

  test('acceptance 12: a trigger of the worker uses the real time, never a mock time', async () => {
    await using world = await aWorld();
    const refused = await world.kernel.raise({
      userId: 42,
      triggerType: 'important_urgent_task',
      source: 'worker_due_job',
      targetType: 'task_pool',
      targetId: 7,
      mockNow: '2026-01-01T00:00:00Z',
    });
    expect(refused).toMatchObject({ outcome: 'rejected', code: 'mock_not_allowed' });
    world.host.set({});
    world.follow();
    world.scan();
    await world.until('task', '7', 'pending', ({ status }) => status === 'pending');
    world.time.advance(15 * MINUTE);
    const job = await world.until('task', '7', 'triggered', ({ status }) => status === 'triggered');
    const trigger = await world.kernel.trigger(job.lastTriggerId ?? '');
    expect(trigger?.raised.mockNow).toBeUndefined();
    expect(trigger?.raised.requestedAt).toBe(world.time.now());
  });

  test('acceptance 13: a second trigger of one task within 30 minutes is the earlier trigger', async () => {
    await using world = await aWorld();
    world.follow();
    world.scan();
    world.host.set({ urgencyThresholdAt: BEGIN });
    const first = await world.until(
      'task',
      '7',
      'triggered',
      ({ status }) => status === 'triggered',
    );
    world.time.advance(5 * MINUTE);
    world.host.set({ urgencyThresholdAt: BEGIN + 5 * MINUTE });
    const second = await world.until(
      'task',
      '7',
      'triggered again',
      ({ round, status }) => round === 2 && status === 'triggered',
    );
    expect(second.lastTriggerId).toBe(first.lastTriggerId);
    const stream = parseOccurrenceId(world.name, first.lastTriggerId ?? '')?.stream;
    expect(await world.types(stream)).toEqual([
      'TriggerRaised',
      'PreviewOffered',
      'NotificationRequested',
    ]);
    const all = await world.types();
    expect(all.filter((type) => type === 'NotificationRequested')).toHaveLength(1);
    await until(
      'both looks are recorded',
      async () => (await world.types(jobStream(world))).length === 4,
    );
  });
});
